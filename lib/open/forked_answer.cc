#include "lib/open/forked_answer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "lib/base/error.h"
#include "platform/files/file_descriptor.h"

namespace heapglass {
namespace {

struct Pipe {
  FileDescriptor read_end, write_end;

  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      throw Error(ErrorKind::kUnreachable, std::string("cannot make a pipe: ") + std::strerror(errno));
    read_end = FileDescriptor(ends[0]);
    write_end = FileDescriptor(ends[1]);
  }
};

// Everything from all pipes, until the child and what it started have closed them. False: it was too much.
bool drain(std::array<Pipe, 3>& pipes, const std::array<std::string*, 3>& into, std::size_t most) {
  std::array<pollfd, 3> waiting{};
  for (std::size_t i = 0; i < pipes.size(); ++i) waiting[i] = {pipes[i].read_end.get(), POLLIN, 0};
  std::size_t open = pipes.size();
  std::array<char, 1 << 16> bytes;
  while (open > 0) {
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return true;
    for (std::size_t i = 0; i < pipes.size(); ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
      const ssize_t got = read(waiting[i].fd, bytes.data(), bytes.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        waiting[i].fd = -1;
        --open;
      } else if (into[i]->append(bytes.data(), static_cast<std::size_t>(got)).size() > most) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

ForkedAnswer answer_in_fork(const std::function<int(int facts)>& work, std::size_t most) {
  std::array<Pipe, 3> pipes;
  std::cout.flush();
  std::cerr.flush();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0)
    throw Error(ErrorKind::kUnreachable, std::string("cannot start a process: ") + std::strerror(errno));
  if (pid == 0) {
    // Ended with us: SIGTERM, at which it removes what is unfinished.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    dup2(pipes[0].write_end.get(), STDOUT_FILENO);
    dup2(pipes[1].write_end.get(), STDERR_FILENO);
    _exit(work(pipes[2].write_end.get()));
  }
  for (Pipe& each : pipes) each.write_end = FileDescriptor();
  ForkedAnswer answer;
  const bool complete = drain(pipes, {&answer.out, &answer.err, &answer.facts}, most);
  if (!complete) kill(pid, SIGTERM);
  for (Pipe& each : pipes) each.read_end = FileDescriptor();
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!complete)
    throw Error(ErrorKind::kUnreachable,
                "the answer of one process is longer than " + std::to_string(most) + " bytes",
                "ask for fewer rows with --limit");
  answer.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return answer;
}

}  // namespace heapglass
