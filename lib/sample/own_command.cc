#include "lib/sample/own_command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "lib/base/error.h"

extern char** environ;

namespace heapglass {
namespace {

constexpr std::size_t kMostSaid = 1 << 16;

}  // namespace

OwnCommand::OwnCommand(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"heapglass"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error(ErrorKind::kUnreachable, std::string("cannot make a pipe: ") + std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  const int error = posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  output_ = ends[0];
  if (error == 0) return;
  close(output_);
  throw Error(ErrorKind::kUnreachable,
              std::string("cannot start heapglass once more: ") + std::strerror(error));
}

OwnCommand::~OwnCommand() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    constexpr int kLongest = 2000;  // milliseconds
    for (int waited = 0; waited < kLongest && !poll(); ++waited) {
      const timespec millisecond = {0, 1'000'000};
      nanosleep(&millisecond, nullptr);
    }
  }
  if (output_ >= 0) close(output_);
}

void OwnCommand::read_output() {
  char bytes[4096];
  for (ssize_t got; (got = read(output_, bytes, sizeof bytes)) > 0;)
    if (said_.size() < kMostSaid) said_.append(bytes, static_cast<std::size_t>(got));
}

bool OwnCommand::poll() {
  read_output();
  if (pid_ < 0) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  pid_ = -1;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  read_output();
  return true;
}

std::string OwnCommand::said() const { return said_.substr(0, said_.find('\n')); }

}  // namespace heapglass
