#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace heapglass {

// A process that a test started. It dies with this object, and with the test should that die first.
class ChildProcess {
 public:
  struct Streams {
    int in = -1, out = -1, err = -1;  // descriptors of ours for its 0, 1 and 2; -1: /dev/null
  };

  ChildProcess(const std::vector<std::string>& command, Streams streams) {
    std::vector<char*> argv;
    for (const std::string& word : command) {
      argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) {
      throw std::runtime_error("cannot fork for " + command.front());
    }
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      // Tests may run in the background of a shell, which has these ignored for all that it starts.
      for (const int each : {SIGINT, SIGQUIT, SIGHUP}) signal(each, SIG_DFL);
      const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
      dup2(streams.in < 0 ? null : streams.in, 0);
      dup2(streams.out < 0 ? null : streams.out, 1);
      dup2(streams.err < 0 ? null : streams.err, 2);
      if (getppid() == parent) {
        execvp(argv[0], argv.data());
      }
      _exit(127);
    }
  }
  ~ChildProcess() {
    if (!ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Its exit code, 128 + the signal that ended it, or -1 where it did not end in time.
  int wait(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (int status = 0;;) {
      if (waitpid(pid_, &status, WNOHANG) == pid_) {
        ended_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      if (std::chrono::steady_clock::now() > deadline) {
        return -1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
};

struct Outcome {
  int status = -1;  // as ChildProcess::wait has it
  std::string out, err;
};

namespace child_process_detail {

inline int temporary_file() { return memfd_create("heapglass-test", MFD_CLOEXEC); }

inline std::string contents_and_close(int file) {
  std::string text(static_cast<std::size_t>(lseek(file, 0, SEEK_END)), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = pread(file, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (got <= 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  close(file);
  return text;
}

}  // namespace child_process_detail

// Runs a command to its end. `input` is its standard input; where `out_path` is given, that file is its
// output.
inline Outcome run_command(const std::vector<std::string>& command, const std::string& input = "",
                           const std::string& out_path = "",
                           std::chrono::milliseconds limit = std::chrono::minutes(5)) {
  using child_process_detail::contents_and_close;
  using child_process_detail::temporary_file;
  const int in = temporary_file(), err = temporary_file();
  const int out = out_path.empty() ? temporary_file() : open(out_path.c_str(), O_WRONLY | O_CLOEXEC);
  if (write(in, input.data(), input.size()) != static_cast<ssize_t>(input.size())) {
    throw std::runtime_error("cannot keep the input of " + command.front());
  }
  lseek(in, 0, SEEK_SET);
  Outcome outcome;
  {
    ChildProcess child(command, {in, out, err});
    outcome.status = child.wait(limit);
  }
  close(in);
  if (out_path.empty()) {
    outcome.out = contents_and_close(out);
  } else {
    close(out);
  }
  outcome.err = contents_and_close(err);
  return outcome;
}

// A folder that goes with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = "/tmp/heapglass-test-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("cannot make a folder in /tmp");
    }
    path_ = pattern;
  }
  ~TemporaryFolder() { run_command({"rm", "-rf", "--", path_}); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace heapglass
