#include "lib/render/output.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "lib/base/error.h"
#include "lib/render/samples.h"
#include "lib/render/write_report.h"

namespace heapglass {
namespace {

class Directory : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/heapglass-test-XXXXXX";
    ASSERT_TRUE(mkdtemp(name));
    path_ = name;
  }
  void TearDown() override {
    chmod(path_.c_str(), 0700);
    for (const std::string& name : names()) unlink(in(name).c_str());
    rmdir(path_.c_str());
  }
  std::string in(const std::string& name) const { return path_ + "/" + name; }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    DIR* directory = opendir(path_.c_str());
    while (const dirent* entry = directory ? readdir(directory) : nullptr) {
      if (std::string(entry->d_name) != "." && std::string(entry->d_name) != "..")
        found.push_back(entry->d_name);
    }
    if (directory) closedir(directory);
    std::sort(found.begin(), found.end());
    return found;
  }
  static std::string contents(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static mode_t mode(const std::string& path) {
    struct stat found = {};
    lstat(path.c_str(), &found);
    return found.st_mode & 0777;
  }
  std::string path_;
};

using OutputFile = Directory;
using Report = Directory;
using Names = std::vector<std::string>;

// The error of writing 1 MB there.
Error error_of(const std::string& path) {
  try {
    Output output(path);
    output.stream() << std::string(1 << 20, 'x');
    output.commit();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::kUsage, "no error");
}

TEST_F(OutputFile, AppearsCompleteWhenCommitted) {
  {
    Output output(in("a.txt"));
    output.stream() << "hello " << 17 << '\n' << std::flush;
    EXPECT_EQ(names().size(), 1u);
    EXPECT_NE(names()[0], "a.txt");
    output.commit();
  }
  EXPECT_EQ(names(), Names{"a.txt"});
  EXPECT_EQ(contents(in("a.txt")), "hello 17\n");
  EXPECT_EQ(mode(in("a.txt")), 0600);
}

TEST_F(OutputFile, HasTheModeWhateverTheUmask) {
  for (const mode_t mask : {0u, 022u, 077u, 0777u}) {
    const mode_t before = umask(mask);
    Output private_file(in("private")), shared(in("shared"), FileMode(0640, true));
    private_file.commit();
    shared.commit();
    const mode_t now = umask(before);
    EXPECT_EQ(now, mask);
    EXPECT_EQ(mode(in("private")), 0600);
    EXPECT_EQ(mode(in("shared")), 0640);
    unlink(in("private").c_str());
  }
}

TEST_F(OutputFile, AModeThatIsAskedForIsGivenToAFileThatHadLess) {
  std::ofstream(in("a.txt")) << "old";
  chmod(in("a.txt").c_str(), 0600);
  Output output(in("a.txt"), FileMode(0644, true));
  output.commit();
  EXPECT_EQ(mode(in("a.txt")), 0644);
}

TEST_F(OutputFile, IsNoLongerThereOnceItsWriterWasKilled) {
  const pid_t child = fork();
  if (child == 0) {
    Output output(in("a.txt"));
    output.stream() << "half" << std::flush;
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  ASSERT_EQ(names().size(), 1u);
  Output alive(in("alive.txt"));  // removes what the other left
  EXPECT_EQ(names().size(), 1u);
  Output next(in("a.txt"));  // and leaves what is being written
  EXPECT_EQ(names().size(), 2u);
  alive.commit();
  next.commit();
  EXPECT_EQ(names(), (Names{"a.txt", "alive.txt"}));
}

TEST_F(OutputFile, IsRefusedBeforehandAsItWouldBeAndNothingIsMade) {
  const auto refused = [](const std::string& path) -> std::string {
    try {
      check_output(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const std::string& path : {in("absent/a"), path_, path_ + "/", std::string("/etc/passwd/a")})
    EXPECT_EQ(refused(path), error_of(path).what()) << path;
  ASSERT_EQ(mkfifo(in("fifo").c_str(), 0600), 0);
  std::ofstream(in("old")) << "old";
  for (const std::string& path :
       {std::string(), std::string("-"), std::string("/dev/stdout"), in("new"), in("old"), in("fifo")})
    EXPECT_EQ(refused(path), "") << path;  // whoever reads the FIFO may come later
  EXPECT_EQ(names(), (Names{"fifo", "old"}));
  EXPECT_EQ(contents(in("old")), "old");
}

TEST_F(OutputFile, AFifoWithoutAReaderIsAnErrorSoon) {
  ASSERT_EQ(mkfifo(in("fifo").c_str(), 0600), 0);
  const auto began = std::chrono::steady_clock::now();
  const Error error = error_of(in("fifo"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  EXPECT_EQ(error.kind(), ErrorKind::kFile);
  EXPECT_NE(std::string(error.what()).find("nobody reads"), std::string::npos) << error.what();
}

// What another user puts into a folder like /tmp.
TEST_F(OutputFile, OfOthersInAStickyFolderNothingIsFollowed) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files to others";
  constexpr uid_t kOther = 65534;
  chmod(path_.c_str(), 01777);
  ASSERT_EQ(mkfifo(in("fifo").c_str(), 0666), 0);
  ASSERT_EQ(lchown(in("fifo").c_str(), kOther, kOther), 0);
  const int reader = open(in("fifo").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  EXPECT_NE(std::string(error_of(in("fifo")).what()).find("of user 65534"), std::string::npos);
  char byte = 0;
  EXPECT_EQ(read(reader, &byte, 1), 0);  // nothing was written
  close(reader);
  unlink(in("fifo").c_str());
  ASSERT_EQ(mkdir(in("elsewhere").c_str(), 0700), 0);
  ASSERT_EQ(symlink(in("elsewhere").c_str(), in("link").c_str()), 0);
  {
    Output own(in("link/own"));  // a link of our own is one
    own.commit();
  }
  EXPECT_EQ(unlink(in("elsewhere/own").c_str()), 0);
  ASSERT_EQ(lchown(in("link").c_str(), kOther, kOther), 0);
  const Error error = error_of(in("link/theirs"));
  EXPECT_EQ(error.kind(), ErrorKind::kFile);
  EXPECT_NE(std::string(error.what()).find("is a link that user 65534"), std::string::npos) << error.what();
  EXPECT_EQ(rmdir(in("elsewhere").c_str()), 0);  // is empty
  // The file itself is replaced.
  ASSERT_EQ(symlink("/nonexistent", in("file").c_str()), 0);
  ASSERT_EQ(lchown(in("file").c_str(), kOther, kOther), 0);
  Output output(in("file"));
  output.commit();
  EXPECT_EQ(mode(in("file")), 0600);
}

TEST_F(OutputFile, LinksOfProcLeadWhereTheKernelSays) {
  Output output("/proc/self/root" + in("a.txt"));
  output.commit();
  EXPECT_EQ(names(), Names{"a.txt"});
}

TEST_F(OutputFile, LeavesNothingWithoutCommit) {
  {
    std::ofstream(in("a.txt")) << "old";
    Output output(in("a.txt"));
    output.stream() << "new" << std::flush;
  }
  EXPECT_EQ(names(), Names{"a.txt"});
  EXPECT_EQ(contents(in("a.txt")), "old");
}

TEST_F(OutputFile, SecretsAreForTheirOwner) {
  Output output(in("s.heap"), 0600);
  EXPECT_EQ(mode(in(names()[0])), 0600);
  output.commit();
  EXPECT_EQ(mode(in("s.heap")), 0600);
}

TEST_F(OutputFile, AStricterModeStays) {
  std::ofstream(in("a.txt")) << "old";
  chmod(in("a.txt").c_str(), 0600);
  Output output(in("a.txt"));
  output.commit();
  EXPECT_EQ(mode(in("a.txt")), 0600);
}

TEST_F(OutputFile, ALinkIsReplacedNotFollowed) {
  std::ofstream(in("precious")) << "precious";
  ASSERT_EQ(symlink(in("precious").c_str(), in("out").c_str()), 0);
  Output output(in("out"));
  output.stream() << "mine";
  output.commit();
  EXPECT_EQ(contents(in("precious")), "precious");
  EXPECT_EQ(contents(in("out")), "mine");
  struct stat found = {};
  lstat(in("out").c_str(), &found);
  EXPECT_TRUE(S_ISREG(found.st_mode));
}

TEST_F(OutputFile, AFullDiskIsAnError) {
  const Error error = error_of("/dev/full");
  EXPECT_EQ(error.kind(), ErrorKind::kFile);
  EXPECT_NE(std::string(error.what()).find("No space left"), std::string::npos) << error.what();
  EXPECT_NE(error.hint(), "");
  EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
}

TEST_F(OutputFile, PlacesThatAreNoFile) {
  EXPECT_EQ(error_of(in("none/x")).kind(), ErrorKind::kFile);
  EXPECT_EQ(error_of(path_).kind(), ErrorKind::kFile);
  EXPECT_EQ(error_of(in("x/")).kind(), ErrorKind::kFile);
  EXPECT_EQ(error_of(in(std::string(300, 'x'))).kind(), ErrorKind::kFile);
  EXPECT_EQ(error_of(std::string("a\0b", 3)).kind(), ErrorKind::kFile);
  EXPECT_EQ(names(), Names{});
}

// Root may write anywhere, so a child becomes someone else.
TEST_F(OutputFile, APlaceOfOthersIsAnError) {
  std::ofstream(in("theirs")) << "x";
  chmod(path_.c_str(), 0755);
  chmod(in("theirs").c_str(), 0444);
  const pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && setuid(65534) != 0) _exit(0);
    if (getuid() == 65534) {
      const bool refused =
          error_of(in("theirs")).kind() == ErrorKind::kFile &&
          std::string(error_of(in("new")).what()).find("Permission denied") != std::string::npos;
      _exit(refused ? 0 : 1);
    }
    _exit(error_of(in("theirs")).kind() == ErrorKind::kFile ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(names(), Names{"theirs"});
}

TEST_F(OutputFile, AFifoIsWrittenDirectly) {
  ASSERT_EQ(mkfifo(in("fifo").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = contents(in("fifo")); });
  {
    Output output(in("fifo"));
    output.stream() << "through";
    output.commit();
  }
  reader.join();
  EXPECT_EQ(got, "through");
  struct stat found = {};
  lstat(in("fifo").c_str(), &found);
  EXPECT_TRUE(S_ISFIFO(found.st_mode));
}

TEST_F(OutputFile, AGoneReaderIsAnError) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const Error error = error_of("/dev/fd/" + std::to_string(ends[1]));
  std::signal(SIGPIPE, before);
  close(ends[1]);
  EXPECT_EQ(error.kind(), ErrorKind::kFile);
}

TEST_F(OutputFile, DevFdContinuesWhereItStands) {
  const int fd = open(in("log").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(write(fd, "first ", 6), 6);
  Output output("/dev/fd/" + std::to_string(fd));
  output.stream() << "second";
  output.commit();
  close(fd);
  EXPECT_EQ(contents(in("log")), "first second");
}

TEST_F(OutputFile, ASignalRemovesWhatIsUnfinished) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGXCPU, SIGALRM, SIGXFSZ, SIGUSR1,
                           SIGUSR2, SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR, SIGSTKFLT}) {
    const pid_t child = fork();
    if (child == 0) {
      // Whoever runs the tests in the background may have had it ignored, and what is ignored stays so.
      std::signal(signal, SIG_DFL);
      prepare_output();
      Output output(in("a.txt"));
      output.stream() << "half" << std::flush;
      pause();
      _exit(0);
    }
    while (names().empty()) usleep(1000);
    kill(child, signal);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 128 + signal) << signal << ": " << status;
    EXPECT_EQ(names(), Names{});
  }
}

// A write that fails is an error, not the end.
TEST_F(OutputFile, ASignalToAChildLeavesTheParentsFile) {
  Output output(in("a.txt"));
  const pid_t child = fork();
  if (child == 0) {
    end_cleanly_on_signals();
    raise(SIGTERM);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
  EXPECT_EQ(names().size(), 1u);
  output.commit();
  EXPECT_EQ(names(), Names{"a.txt"});
}

TEST_F(OutputFile, AClosedPipeAndAFullFileAreErrors) {
  const pid_t child = fork();
  if (child == 0) {
    for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_DFL);
    prepare_output();
    int ends[2];
    if (pipe(ends) != 0) _exit(2);
    close(ends[0]);
    if (error_of("/dev/fd/" + std::to_string(ends[1])).kind() != ErrorKind::kFile) _exit(3);
    const rlimit little = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &little);
    _exit(error_of(in("large")).kind() == ErrorKind::kFile ? 0 : 4);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(names(), Names{});
}

TEST_F(OutputFile, AClosedStandardOutputIsAnError) {
  const pid_t child = fork();
  if (child == 0) {
    close(STDOUT_FILENO);
    prepare_output();
    Output file(in("a.txt"));  // must not become the standard output
    _exit(file.descriptor() > 2 && error_of("-").kind() == ErrorKind::kFile ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

// A number that is not sure is told as that, in every format.
TEST_F(Report, NotesWithoutRoomInAFormatAreForStderr) {
  Document document = histogram();
  document.notes = {"skipped: 1 list\x1b[2J"};
  for (const char* file : {"h.csv", "h.json", "h.txt"}) {
    const Warnings told = write_report(document, {in(file)});
    const bool in_file = contents(in(file)).find("skipped: 1 list") != std::string::npos;
    EXPECT_EQ(told.size(), in_file ? 0u : 1u) << file;
    for (const std::string& line : told) EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
  }
  EXPECT_EQ(write_report(histogram(), {in("h.csv")}), Warnings());
}

TEST_F(Report, FormatComesFromTheName) {
  write_report(histogram(), {in("h.json")});
  EXPECT_EQ(contents(in("h.json")).substr(0, 1), "{");
  write_report(histogram(), {in("h.csv")});
  EXPECT_EQ(contents(in("h.csv")).substr(0, 5), "type,");
  write_report(document_of(star(kNasty)), {in("p.svg")});
  EXPECT_NE(contents(in("p.svg")).find("<svg"), std::string::npos);
  EXPECT_EQ(mode(in("p.svg")), 0600);
  write_report(histogram(), {in("h.json"), "text"});
  EXPECT_EQ(contents(in("h.json")).substr(0, 4), "Type");
}

TEST_F(Report, ATableIsNotDrawnAndNothingIsLeft) {
  EXPECT_THROW(write_report(histogram(), {in("h.png")}), Error);
  EXPECT_EQ(names(), Names{});
}

TEST_F(Report, DotStandsInForAPictureThatTakesTooLong) {
  Picture picture = star(std::vector<std::string>(2000, "dict"));
  for (std::uint32_t i = 1; i < 2000; ++i) picture.edges.push_back({i, i * 7919 % 2000, "k"});
  RenderOptions options;
  options.picture_deadline = std::chrono::milliseconds(50);
  try {
    write_report(document_of(picture), {in("p.png")}, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.hint().find("p.dot"), std::string::npos) << error.hint();
  }
  EXPECT_EQ(names(), Names{"p.dot"});
  EXPECT_EQ(contents(in("p.dot")).substr(0, 7), "digraph");
}

}  // namespace
}  // namespace heapglass
