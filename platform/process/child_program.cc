#include "platform/process/child_program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "lib/base/error.h"
#include "platform/process/threads.h"

namespace heapglass {
namespace {

constexpr int kTellBy = 3;

// Between fork and execve: nothing that allocates.
[[noreturn]] void become(char* const* argv, char* const* environment, pid_t parent, int said, int tell,
                         bool is_urgent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int each : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) signal(each, SIG_DFL);
  is_urgent ? raise_priority() : end_priority();
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(said >= 0 ? said : STDERR_FILENO, STDOUT_FILENO);
  if (said >= 0) dup2(said, STDERR_FILENO);
  if (tell >= 0) {
    if (tell != kTellBy) dup2(tell, kTellBy);
    fcntl(kTellBy, F_SETFD, 0);
  }
  execve(argv[0], argv, environment);
  const char text[] = "heapglass: cannot start the program\n";
  (void)!write(STDERR_FILENO, text, sizeof text - 1);
  _exit(127);
}

std::string own_program() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  const std::string name = length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : "";
  // After an update the file is another or none, and the one that runs is still to be had by this name.
  return access(name.c_str(), X_OK) == 0 ? name : "/proc/self/exe";
}

}  // namespace

RunningChild::RunningChild(const ChildProgram& program) {
  std::vector<std::string> words = program.words, environment;
  if (words.front().empty()) words.front() = own_program();
  for (char** each = environ; *each; ++each) environment.emplace_back(*each);
  for (const auto& [name, value] : program.environment) environment.push_back(name + "=" + value);
  FileDescriptor tell;
  if (program.tells) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
      told_ = FileDescriptor(ends[0]);
      tell = FileDescriptor(ends[1]);
      environment.push_back("HEAPGLASS_CAPTURED_FD=" + std::to_string(kTellBy));
    }
  }
  std::vector<char*> argv, envp;
  for (std::string& each : words) argv.push_back(each.data());
  for (std::string& each : environment) envp.push_back(each.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  if (program.keeps_errors) said_ = FileDescriptor(memfd_create("heapglass-said", MFD_CLOEXEC));
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0)
    throw Error(ErrorKind::kUnreachable, std::string("cannot start a process: ") + std::strerror(errno));
  if (pid_ == 0) become(argv.data(), envp.data(), parent, said_.get(), tell.get(), program.is_urgent);
  setpgid(pid_, pid_);
  pidfd_ = FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) {
    const int why = errno;
    end(SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
    throw Error(ErrorKind::kUnreachable,
                std::string("cannot wait for a process by descriptor: ") + std::strerror(why),
                "guard needs Linux 5.3");
  }
}

RunningChild::~RunningChild() {
  if (pid_ <= 0) return;
  end(SIGKILL);
  waitpid(pid_, nullptr, 0);
}

RunningChild::RunningChild(RunningChild&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      said_(std::move(other.said_)),
      told_(std::move(other.told_)) {}

RunningChild& RunningChild::operator=(RunningChild&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(said_, other.said_);
  std::swap(told_, other.told_);
  return *this;
}

void RunningChild::end(int signal) const {
  if (pid_ > 0) kill(-pid_, signal);
}

bool RunningChild::take_told() {
  char byte = 0;
  const ssize_t got = told_ ? read(told_.get(), &byte, 1) : -1;
  if (got >= 0) told_ = FileDescriptor();
  return got == 1;
}

int RunningChild::reap() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return -1;
  kill(-pid_, SIGKILL);  // what it may have left behind in its group
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string RunningChild::first_line() const {
  std::array<char, 400> text{};
  const ssize_t got = said_ ? pread(said_.get(), text.data(), text.size(), 0) : 0;
  std::string line(text.data(), static_cast<std::size_t>(got > 0 ? got : 0));
  line.resize(std::min(line.find('\n'), line.size()));
  constexpr std::string_view kOwn = "heapglass: ";
  return line.starts_with(kOwn) ? line.substr(kOwn.size()) : line;
}

}  // namespace heapglass
