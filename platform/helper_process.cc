#include "platform/helper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "lib/base/error.h"

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4  // Linux 4.4
#endif

namespace heapglass {
namespace {

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

bool Channel::receive(std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
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
  ssize_t n;
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
  pid_ = fork();
  if (pid_ == 0) {
    {
      const FileDescriptor closed = std::move(ours);  // or nobody would see us hang up
    }
    prepare_for_the_worst();
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

HelperProcess::~HelperProcess() {
  channel_ = Channel(FileDescriptor());
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace heapglass
