#include "platform/stopping/helper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "lib/base/error.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434  // Linux 5.3
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4  // Linux 4.4
#endif

namespace heapglass {
namespace {

volatile sig_atomic_t asked = 0;  // in the helper
pid_t made_by = 0;

void ask_to_end() {
  asked = 1;
  alarm(static_cast<unsigned>(HelperProcess::kEndsWithin.count()));  // SIGALRM ends it, whatever it waits for
}
void on_terminate(int) { ask_to_end(); }
// PR_SET_PDEATHSIG tells of the end of the thread that made it, too.
void on_end_of_parent(int) {
  if (getppid() != made_by) ask_to_end();
}

// All signals but these are blocked. Without SA_RESTART: a wait of ours ends.
void listen_to_the_end() {
  struct sigaction action {};
  sigfillset(&action.sa_mask);
  action.sa_handler = on_terminate;
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = on_end_of_parent;
  sigaction(SIGUSR1, &action, nullptr);
  signal(SIGALRM, SIG_DFL);
  signal(SIGCHLD, SIG_DFL);  // or the stops of what it traces would not be told
  sigset_t heard;
  sigemptyset(&heard);
  for (const int each : {SIGTERM, SIGUSR1, SIGALRM}) sigaddset(&heard, each);
  pthread_sigmask(SIG_UNBLOCK, &heard, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  on_end_of_parent(SIGUSR1);  // before that it would not have been told
}

// All of it as far as it is permitted; none of it is needed for the answer.
void prepare_for_the_worst() {
  setsid();  // no terminal's ^C, no kill of our process group
  prctl(PR_SET_NAME, "heapglass-hold");
  const FileDescriptor score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  for (const char* lowest : {"-1000", "0"})
    if (score && write(score.get(), lowest, std::strlen(lowest)) > 0) break;
  setpriority(PRIO_PROCESS, 0, -20);
  // What it has used stays; what it has not is not fetched, for we may have mapped much.
  mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
  // Who reads what we write must not wait for the helper's end.
  const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int standard = 0; standard < 3; ++standard) dup2(null.get(), standard);
}

std::pair<FileDescriptor, FileDescriptor> two_ends() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error(ErrorKind::kUnreachable, "no channel to a helper: " + std::string(std::strerror(errno)));
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

}  // namespace

bool Channel::send(std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool HelperProcess::asked_to_end() { return asked != 0; }

bool Channel::receive(std::span<std::byte> bytes, std::chrono::milliseconds within) const {
  const auto until = std::chrono::steady_clock::now() + within;
  while (!bytes.empty()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (!wait(left)) continue;
    const ssize_t n = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool Channel::send_descriptor(int descriptor) const {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return sendmsg(socket_.get(), &message, MSG_NOSIGNAL) == 1;
}

FileDescriptor Channel::receive_descriptor() const {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = -1;
  if (!wait(kAnswersWithin)) return FileDescriptor();
  do {
    n = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  const cmsghdr* header = n == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (!header || header->cmsg_type != SCM_RIGHTS) return FileDescriptor();
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return FileDescriptor(descriptor);
}

bool Channel::wait(std::chrono::milliseconds time) const {
  pollfd ready{socket_.get(), POLLIN, 0};
  return poll(&ready, 1, static_cast<int>(time.count())) > 0;
}

HelperProcess::HelperProcess(const std::function<void(Channel&)>& work) : channel_(FileDescriptor()) {
  auto [ours, theirs] = two_ends();
  // Blocked before it is there, so that there is no moment at which one could end it.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    made_by = parent;
    {
      const FileDescriptor closed = std::move(ours);  // or nobody would see us hang up
    }
    prepare_for_the_worst();
    listen_to_the_end();
    Channel channel(std::move(theirs));
    try {
      work(channel);
    } catch (...) {
      _exit(1);  // it hangs up, which says enough
    }
    _exit(0);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ < 0)
    throw Error(ErrorKind::kUnreachable, "there can be no helper: " + std::string(std::strerror(error)));
  channel_ = Channel(std::move(ours));
}

namespace {

// False where it has not ended by then.
bool wait_for_end(pid_t child, std::chrono::milliseconds within) {
  const FileDescriptor itself(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  const auto until = std::chrono::steady_clock::now() + within;
  while (true) {
    const pid_t got = waitpid(child, nullptr, WNOHANG);
    if (got == child || (got < 0 && errno != EINTR)) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    pollfd ended{itself.get(), POLLIN, 0};  // where there is no such descriptor, a nap
    poll(&ended, 1, itself ? 100 : 1);
  }
}

}  // namespace

void HelperProcess::end() {
  if (pid_ <= 0) return;
  const pid_t ours = std::exchange(pid_, 0);
  channel_ = Channel(FileDescriptor());
  if (wait_for_end(ours, kEndsWithin)) return;
  kill(ours, SIGKILL);
  wait_for_end(ours, std::chrono::seconds(2));
}

}  // namespace heapglass
