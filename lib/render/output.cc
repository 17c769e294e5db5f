#include "lib/render/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <streambuf>
#include <utility>

#include "lib/base/error.h"
#include "lib/render/output_keeper.h"

namespace heapglass {
namespace {

// Unfinished files, where a signal handler can find them. A slot is claimed, its path written, then it
// counts.
struct Leftover {
  enum State { kFree, kClaimed, kUsed };
  std::atomic<int> state{kFree};
  char path[PATH_MAX];
};
constexpr int kSlots = 16;
Leftover leftovers[kSlots];
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler reads it");

int remember(const std::string& path) {
  if (path.size() >= PATH_MAX) return -1;
  for (int slot = 0; slot < kSlots; ++slot) {
    int expected = Leftover::kFree;
    if (!leftovers[slot].state.compare_exchange_strong(expected, Leftover::kClaimed)) continue;
    std::memcpy(leftovers[slot].path, path.c_str(), path.size() + 1);
    leftovers[slot].state = Leftover::kUsed;
    return slot;
  }
  return -1;
}

void forget(int& slot) {
  if (slot >= 0) leftovers[slot].state = Leftover::kFree;
  slot = -1;
}

extern "C" void remove_and_end(int signal) {
  remove_unfinished_files();
  std::signal(signal, SIG_DFL);
  raise(signal);  // delivered when this handler returns
}

std::string hint_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or write elsewhere with -o FILE";
    case EACCES:
    case EPERM:
    case EROFS:
      return "write elsewhere with -o FILE, or run as a user who may write there";
    case ENOENT:
    case ENOTDIR:
      return "make the directory first";
    case EISDIR:
      return "name a file in it";
    case EPIPE:
      return "its reader went away";
    case EBADF:
      return "it is closed";
    default:
      return "";
  }
}

[[noreturn]] void fail(const std::string& name, int error) {
  throw Error(ErrorKind::kFile, "cannot write " + name + ": " + std::strerror(error), hint_for(error));
}

[[noreturn]] void fail(const std::string& name, const std::string& why, const std::string& hint) {
  throw Error(ErrorKind::kFile, "cannot write " + name + ": " + why, hint);
}

// /dev/stdout and its kin are links into /proc that open() would reopen: for a file that means from its
// beginning. They stand for the descriptor itself. -1: the path is none of them.
int named_descriptor(const std::string& path) {
  if (path == "/dev/stdout") return 1;
  if (path == "/dev/stderr") return 2;
  for (const char* prefix : {"/dev/fd/", "/proc/self/fd/"}) {
    if (path.rfind(prefix, 0) != 0) continue;
    const std::string number = path.substr(std::strlen(prefix));
    if (!number.empty() && number.size() < 6 && number.find_first_not_of("0123456789") == std::string::npos) {
      return std::stoi(number);
    }
  }
  return -1;
}

std::string beside(const std::string& path) {
  std::uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) fail("'" + path + "'", errno);
  char name[40];
  std::snprintf(name, sizeof name, ".heapglass-%016llx", static_cast<unsigned long long>(random));
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
}

int place_with_keeper(const std::string& path) {
  const OutputKeeper* const keeper = OutputKeeper::active();
  return keeper ? keeper->place_of(path) : -1;
}

}  // namespace

class Output::Buffer : public std::streambuf {
 public:
  Buffer(int fd, bool owned, std::string name) : fd_(fd), owned_(owned), name_(std::move(name)) {
    setp(bytes_, bytes_ + sizeof bytes_);
  }
  ~Buffer() override {
    if (owned_ && fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  void flush() {
    write_all(pbase(), static_cast<std::size_t>(pptr() - pbase()));
    setp(bytes_, bytes_ + sizeof bytes_);
  }
  void close() {
    // NFS reports a full disk here.
    if (owned_ && ::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) fail(name_, errno);
  }

 protected:
  int_type overflow(int_type c) override {
    flush();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }
  int sync() override {
    flush();
    return 0;
  }
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    if (count < epptr() - pptr()) {
      std::memcpy(pptr(), bytes, static_cast<std::size_t>(count));
      pbump(static_cast<int>(count));
    } else {
      flush();
      write_all(bytes, static_cast<std::size_t>(count));
    }
    return count;
  }

 private:
  void write_all(const char* bytes, std::size_t count) {
    while (count > 0) {
      const ssize_t written = ::write(fd_, bytes, count);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno == EAGAIN) {  // someone made the pipe non-blocking
        pollfd wait = {fd_, POLLOUT, 0};
        poll(&wait, 1, -1);
        continue;
      }
      if (written < 0) {
        const int error = errno;
        setp(bytes_, bytes_ + sizeof bytes_);  // do not try these bytes again
        fail(name_, error);
      }
      bytes += written;
      count -= static_cast<std::size_t>(written);
    }
  }

  int fd_;
  bool owned_;
  std::string name_;
  char bytes_[1 << 16];
};

Output::Output(std::string path, mode_t mode) : path_(std::move(path)) {
  if (path_ == "-") path_.clear();
  name_ = path_.empty() ? "the standard output" : "'" + path_ + "'";
  int fd = -1;
  bool owned = true;
  struct stat found = {};
  if (path_.find('\0') != std::string::npos) fail("the output", "its name holds a NUL character", "");
  if (path_.empty() || named_descriptor(path_) >= 0) {
    fd = path_.empty() ? STDOUT_FILENO : named_descriptor(path_);
    owned = false;
  } else if ((place_ = place_with_keeper(path_)) >= 0) {
    fd = OutputKeeper::active()->open(place_, mode);
  } else if (lstat(path_.c_str(), &found) == 0 && (S_ISCHR(found.st_mode) || S_ISFIFO(found.st_mode))) {
    fd = open(path_.c_str(), O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) fail(name_, errno);
  } else {
    const bool exists = found.st_mode != 0;
    if (S_ISDIR(found.st_mode) || path_.back() == '/') fail(name_, EISDIR);
    if (S_ISBLK(found.st_mode)) fail(name_, "it is a disk", "name a file");
    if (S_ISSOCK(found.st_mode)) fail(name_, "it is a socket", "name a file");
    if (exists && S_ISREG(found.st_mode)) {
      // A file that we may not write is not replaced behind its owner's back; one that others may not read
      // stays so.
      if (faccessat(AT_FDCWD, path_.c_str(), W_OK, AT_EACCESS) != 0) fail(name_, errno);
      mode &= found.st_mode & 0777;
    }
    temporary_ = beside(path_);
    slot_ = remember(temporary_);
    fd = open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode | S_IWUSR);
    if (fd < 0) {
      const int error = errno;
      forget(slot_);
      temporary_.clear();
      fail(name_, error);
    }
  }
  buffer_ = std::make_unique<Buffer>(fd, owned, name_);
  stream_ = std::make_unique<std::ostream>(buffer_.get());
  stream_->exceptions(std::ios::badbit);  // lets the Error of the buffer through
}

Output::~Output() {
  if (place_ >= 0) OutputKeeper::active()->abandon(place_);
  if (!temporary_.empty()) {
    unlink(temporary_.c_str());
    forget(slot_);
  }
}

int Output::descriptor() const { return buffer_->fd(); }

void Output::commit() {
  buffer_->flush();
  if (place_ >= 0) {
    OutputKeeper::active()->commit(place_);
    buffer_->close();
    place_ = -1;
    return;
  }
  if (temporary_.empty()) {
    buffer_->close();
    return;
  }
  if (fsync(buffer_->fd()) != 0 && errno != EINVAL && errno != EROFS) fail(name_, errno);
  buffer_->close();
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail(name_, errno);
  temporary_.clear();
  forget(slot_);
  // The file is there; that its name survives a power failure is a wish.
  const std::size_t slash = path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    ::close(fd);
  }
}

bool Output::is_file() const {
  struct stat found {};
  return (place_ >= 0 || !temporary_.empty()) && fstat(buffer_->fd(), &found) == 0 && S_ISREG(found.st_mode);
}

bool Output::is_terminal() const { return isatty(buffer_->fd()) == 1; }

std::size_t Output::columns() const {
  winsize size = {};
  if (!is_terminal()) return 0;
  if (ioctl(buffer_->fd(), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void remove_unfinished_files() noexcept {
  if (OutputKeeper* const keeper = OutputKeeper::active()) keeper->end();
  for (Leftover& leftover : leftovers) {
    if (leftover.state.load() == Leftover::kUsed) unlink(leftover.path);
  }
}

void prepare_output() {
  // A file opened into a closed descriptor 1 would get what was meant for the standard output. Opened for the
  // wrong direction, so that use of it still fails.
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) break;
  }
  std::signal(SIGPIPE, SIG_IGN);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now = {};
    if (sigaction(signal, nullptr, &now) != 0 || now.sa_handler == SIG_IGN) continue;  // nohup
    struct sigaction action = {};
    action.sa_handler = remove_and_end;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace heapglass
