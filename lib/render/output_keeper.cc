#include "lib/render/output_keeper.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "lib/base/error.h"
#include "lib/render/output.h"

namespace heapglass {
namespace {

enum What : std::int32_t { kOpen = 1, kCommit, kAbandon, kPerform };

// One message each, the answers with a descriptor where there is one to give.
struct Request {
  std::int32_t what;
  std::uint32_t which;
  std::uint32_t mode;
  std::uint32_t asked;  // of FileMode
};
struct Answer {
  std::int32_t failed;  // 0, or an ErrorKind
  char what[2000], hint[500];
};

std::mutex g_asking;  // one question at a time
OutputKeeper* g_active = nullptr;

void copy_text(char* to, std::size_t size, const std::string& text) {
  const std::size_t length = std::min(size - 1, text.size());
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}

bool send_answer(int socket, const Answer& answer, int descriptor) {
  iovec data{const_cast<Answer*>(&answer), sizeof answer};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof answer);
}

// False: it has hung up.
bool receive_answer(int socket, Answer& answer, int& descriptor) {
  iovec data{&answer, sizeof answer};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  do {
    n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  const cmsghdr* const header = n > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  descriptor = -1;
  if (header && header->cmsg_type == SCM_RIGHTS)
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return n == static_cast<ssize_t>(sizeof answer);
}

// All of the other process.
class Keeper {
 public:
  Keeper(int socket, const OutputKeeper::Agreement& agreed)
      : socket_(socket), files_(agreed.files), deeds_(agreed.deeds), open_(agreed.files.size()) {}

  void run() {
    Request request;
    for (;;) {
      const ssize_t n = recv(socket_, &request, sizeof request, MSG_TRUNC);
      if (n < 0 && errno == EINTR) continue;
      if (n != static_cast<ssize_t>(sizeof request)) return;  // it has ended
      Answer answer{};
      int descriptor = -1;
      try {
        descriptor = serve(request);
      } catch (const Error& error) {
        answer.failed = static_cast<std::int32_t>(error.kind());
        copy_text(answer.what, sizeof answer.what, error.what());
        copy_text(answer.hint, sizeof answer.hint, error.hint());
      } catch (const std::exception& error) {
        answer.failed = static_cast<std::int32_t>(ErrorKind::kFile);
        copy_text(answer.what, sizeof answer.what, error.what());
      }
      if (!send_answer(socket_, answer, descriptor)) return;
    }
  }

 private:
  int serve(const Request& request) {
    const std::size_t which = request.which;
    if (which >= (request.what == kPerform ? deeds_.size() : files_.size()))
      throw Error(ErrorKind::kFile, "this was not agreed upon");
    switch (request.what) {
      case kOpen:
        open_[which].reset();
        open_[which] = std::make_unique<Output>(files_[which].path, mode_of(request, files_[which].most));
        return open_[which]->descriptor();
      case kCommit:
        if (open_[which]) open_[which]->commit();
        open_[which].reset();
        return -1;
      case kAbandon:
        open_[which].reset();
        return -1;
      case kPerform:
        deeds_[which]();
        return -1;
      default:
        break;
    }
    throw Error(ErrorKind::kFile, "nobody knows how to do this");
  }

  static FileMode mode_of(const Request& request, FileMode most) {
    return {request.mode & most.bits, request.asked != 0 && most.asked};
  }

  const int socket_;
  const std::vector<OutputKeeper::File>& files_;
  const std::vector<OutputKeeper::Deed>& deeds_;
  std::vector<std::unique_ptr<Output>> open_;
};

// Holds nothing of ours but the socket: a reader of our output must not wait for its end, nor a lock for it.
void hold_only(int socket) {
  setsid();  // no terminal's ^C
  prctl(PR_SET_NAME, "heapglass-write");
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int standard = 0; standard < 3; ++standard) dup2(null, standard);
  constexpr unsigned kLast = ~0u;
  const unsigned own = static_cast<unsigned>(socket);
  if (syscall(436 /* close_range */, own + 1, kLast, 0) == 0 &&
      (own <= 3 || syscall(436, 3, own - 1, 0) == 0))
    return;
  const int most = static_cast<int>(std::min(sysconf(_SC_OPEN_MAX), 65536L));  // before Linux 5.9
  for (int fd = 3; fd < most; ++fd)
    if (fd != socket) ::close(fd);
}

}  // namespace

OutputKeeper::OutputKeeper(pid_t pid, int socket, std::vector<File> files)
    : pid_(pid), socket_(socket), files_(std::move(files)) {}

void OutputKeeper::start(const Agreement& agreed) {
  if (g_active) return;
  const auto cannot = [](int error) {
    throw Error(ErrorKind::kFile, "cannot start the process that puts files in their places: " +
                                      std::string(std::strerror(error)));
  };
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) cannot(errno);
  // Blocked before it is there, so that there is no moment at which one could end it: it ends when we do.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child == 0) {
    hold_only(ends[1]);
    end_cleanly_on_signals();       // it has unfinished files of its own, and none of ours
    Keeper(ends[1], agreed).run();  // what is open there goes with it
    try {
      if (agreed.at_end) agreed.at_end();
    } catch (const std::exception&) {
      // Nobody is left to be told.
    }
    _exit(0);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    cannot(error);
  }
  g_active = new OutputKeeper(child, ends[0], agreed.files);
}

OutputKeeper* OutputKeeper::active() { return g_active; }

int OutputKeeper::place_of(const std::string& path) const {
  const auto at =
      std::find_if(files_.begin(), files_.end(), [&](const File& each) { return each.path == path; });
  return at == files_.end() ? -1 : static_cast<int>(at - files_.begin());
}

int OutputKeeper::ask(int what, std::size_t which, FileMode mode, const std::string& name) {
  const std::scoped_lock lock(g_asking);
  const Request request{what, static_cast<std::uint32_t>(which), mode.bits, mode.asked};
  Answer answer{};
  int descriptor = -1;
  if (::write(socket_, &request, sizeof request) != static_cast<ssize_t>(sizeof request) ||
      !receive_answer(socket_, answer, descriptor))
    throw Error(ErrorKind::kFile,
                "cannot write " + name +
                    ": the process heapglass-write, which puts files in "
                    "their places, was ended",
                "try again");
  if (answer.failed != 0) throw Error(static_cast<ErrorKind>(answer.failed), answer.what, answer.hint);
  return descriptor;
}

void OutputKeeper::perform(std::size_t deed) { ask(kPerform, deed, {}, "all of the output"); }

int OutputKeeper::open(int place, FileMode mode) {
  const std::string& path = files_[static_cast<std::size_t>(place)].path;
  const int descriptor = ask(kOpen, static_cast<std::size_t>(place), mode, "'" + path + "'");
  if (descriptor < 0)
    throw Error(ErrorKind::kFile, "cannot write '" + path + "': too many files are open here");
  return descriptor;
}

void OutputKeeper::commit(int place) {
  ask(kCommit, static_cast<std::size_t>(place), {}, "'" + files_[static_cast<std::size_t>(place)].path + "'");
}

void OutputKeeper::abandon(int place) noexcept {
  try {
    ask(kAbandon, static_cast<std::size_t>(place), {}, "");
  } catch (const std::exception&) {
    // Then it has ended, or removes the file when we do.
  }
}

void OutputKeeper::end() noexcept {
  shutdown(socket_, SHUT_RDWR);  // children may hold it too
  for (int waited = 0; waited < 10'000 && waitpid(pid_, nullptr, WNOHANG) == 0; ++waited) {
    const timespec nap{0, 100'000};
    nanosleep(&nap, nullptr);
  }
}

}  // namespace heapglass
