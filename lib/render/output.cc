#include "lib/render/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <streambuf>
#include <thread>
#include <utility>

#include "lib/base/error.h"
#include "lib/render/output_keeper.h"
#include "lib/render/progress_line.h"

namespace heapglass {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos ||
           value.find("utf-8") != value.npos;
  }
  return false;
}

constexpr const char* kStandardOutput = "the standard output";

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
  if (error == EPIPE && name == kStandardOutput)
    throw OutputClosed(ErrorKind::kFile, name + " is closed: its reader went away");
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

// The name alone, and its folder with the slash behind it; empty where the path has none.
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

// With the bits that were asked for, whatever the umask. SQLite reads what it has written.
int open_new(int folder, const std::string& name, mode_t mode) {
  const mode_t before = umask(0);
  const int fd = openat(folder, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  const int error = errno;
  umask(before);
  errno = error;
  return fd;
}

// A FIFO that nobody reads cannot be opened at once. Its reader may be starting.
int open_for_a_reader(int folder, const std::string& file, const std::string& shown) {
  using namespace std::chrono_literals;
  constexpr auto kLongest = 1000ms, kEvery = 10ms;
  for (auto waited = 0ms;; waited += kEvery) {
    const int fd = openat(folder, file.c_str(), O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno != ENXIO) fail(shown, errno);
    if (waited >= kLongest) fail(shown, "it is a FIFO that nobody reads", "start its reader first");
    std::this_thread::sleep_for(kEvery);
  }
}

void refuse_of_another(const OpenFolder& folder, const struct stat& found, const std::string& shown) {
  if (folder.is_trusted(found.st_uid)) return;
  fail(shown,
       "it is a FIFO or device of user " + std::to_string(found.st_uid) + " in a folder that all may write",
       "write to a file, or into a folder of your own");
}

// A FIFO or a device: written directly.
int open_as_it_is(const OpenFolder& folder, const std::string& file, const struct stat& found,
                  const std::string& shown) {
  refuse_of_another(folder, found, shown);  // before it is opened, which a device may take for a command
  const int fd = open_for_a_reader(folder.fd(), file, shown);
  struct stat opened {};
  if (fstat(fd, &opened) != 0 || (opened.st_mode & S_IFMT) != (found.st_mode & S_IFMT)) {
    ::close(fd);
    fail(shown, "it was replaced while it was opened", "write into a folder of your own");
  }
  refuse_of_another(folder, opened, shown);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  return fd;
}

// HEAPGLASS_LONGEST_FILE: the most bytes that a file may take, where a program that runs this one has to stay
// within a size. A limit of the kernel (RLIMIT_FSIZE) would count the copy of the target's memory too.
std::uint64_t longest_file() {
  static const std::uint64_t longest = [] {
    const char* const value = std::getenv("HEAPGLASS_LONGEST_FILE");
    const std::uint64_t bytes = value ? std::strtoull(value, nullptr, 10) : 0;
    return bytes ? bytes : UINT64_MAX;
  }();
  return longest;
}

bool is_written_directly(const struct stat& found) {
  return S_ISCHR(found.st_mode) || S_ISFIFO(found.st_mode);
}

// What is there and cannot be replaced by a file.
void refuse_irreplaceable(const OpenFolder& folder, const std::string& file, const struct stat& found,
                          const std::string& shown) {
  if (S_ISDIR(found.st_mode)) fail(shown, EISDIR);
  if (S_ISBLK(found.st_mode)) fail(shown, "it is a disk", "name a file");
  if (S_ISSOCK(found.st_mode)) fail(shown, "it is a socket", "name a file");
  // A file that we may not write is not replaced behind its owner's back.
  if (S_ISREG(found.st_mode) && faccessat(folder.fd(), file.c_str(), W_OK, AT_EACCESS) != 0)
    fail(shown, errno);
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
    if (owned_ && count > longest_file() - std::min(longest_file(), written_)) {
      setp(bytes_, bytes_ + sizeof bytes_);
      fail(name_, "it would have more than " + std::to_string(longest_file()) + " bytes",
           "HEAPGLASS_LONGEST_FILE says so; guard gives each file a part of 'disk'");
    }
    written_ += count;
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
  std::uint64_t written_ = 0;
  char bytes_[1 << 16];
};

Output::Output(std::string path, FileMode mode) : path_(std::move(path)) {
  if (path_ == "-") path_.clear();
  name_ = path_.empty() ? kStandardOutput : "'" + path_ + "'";
  int fd = -1;
  bool owned = true;
  struct stat found = {};
  if (path_.find('\0') != std::string::npos) fail("the output", "its name holds a NUL character", "");
  if (path_.empty() || named_descriptor(path_) >= 0) {
    fd = path_.empty() ? STDOUT_FILENO : named_descriptor(path_);
    owned = false;
  } else if (place_ = place_with_keeper(path_); place_ >= 0) {
    fd = OutputKeeper::active()->open(place_, mode);
  } else {
    folder_ = OpenFolder(folder_of(path_), name_);
    const std::string file = name_of(path_);
    if (file.empty()) fail(name_, EISDIR);
    if (fstatat(folder_.fd(), file.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && is_written_directly(found))
      fd = open_as_it_is(folder_, file, found, name_);
    else
      fd = make_file(mode);
  }
  if (isatty(fd)) end_progress_line();
  buffer_ = std::make_unique<Buffer>(fd, owned, name_);
  stream_ = std::make_unique<std::ostream>(buffer_.get());
  stream_->exceptions(std::ios::badbit);  // lets the Error of the buffer through
}

// Beside its place, under a name of its own.
int Output::make_file(FileMode mode) {
  const std::string file = name_of(path_);
  struct stat found = {};
  if (fstatat(folder_.fd(), file.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
    refuse_irreplaceable(folder_, file, found, name_);
    // A file that others may not read stays so.
    if (S_ISREG(found.st_mode) && !mode.asked) mode.bits &= found.st_mode & 0777;
  }
  remove_abandoned(folder_.fd());
  constexpr int kTries = 5;
  for (int tries = 0; tries < kTries; ++tries) {
    const std::string name = unfinished_name();
    temporary_ = folder_of(path_) + name;
    unfinished_ = Unfinished(temporary_);
    const int fd = open_new(folder_.fd(), name, mode.bits | S_IWUSR);
    const int error = errno;
    if (fd < 0) {
      unfinished_.forget();
      temporary_.clear();
      fail(name_, error);
    }
    unfinished_.made();
    if (lock_unfinished(fd)) return fd;
    ::close(fd);
  }
  temporary_.clear();
  fail(name_, "another run removes each file that is begun there", "try again");
}

Output::~Output() {
  if (place_ >= 0) OutputKeeper::active()->abandon(place_);
  if (!temporary_.empty()) unlinkat(folder_.fd(), name_of(temporary_).c_str(), 0);
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
  // The lock that tells that somebody writes it stays until it has its name.
  const int lock = dup(buffer_->fd());
  buffer_->close();
  const int renamed =
      renameat(folder_.fd(), name_of(temporary_).c_str(), folder_.fd(), name_of(path_).c_str());
  const int error = errno;
  if (lock >= 0) ::close(lock);
  if (renamed != 0) fail(name_, error);
  temporary_.clear();
  unfinished_.forget();
  folder_.sync();
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

TerminalLook Output::look() const {
  if (!is_terminal()) return {};
  return {.width = columns(),
          .color = environment("NO_COLOR").empty() && environment("TERM") != "dumb",
          .unicode = utf8_locale()};
}

void check_output(const std::string& path) {
  if (path.empty() || path == "-" || named_descriptor(path) >= 0) return;
  const std::string shown = "'" + path + "'", file = name_of(path);
  if (path.find('\0') != std::string::npos) fail("the output", "its name holds a NUL character", "");
  const OpenFolder folder(folder_of(path), shown);
  if (file.empty()) fail(shown, EISDIR);
  struct stat found {};
  if (fstatat(folder.fd(), file.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
    if (is_written_directly(found)) {
      refuse_of_another(folder, found, shown);
      return;
    }
    refuse_irreplaceable(folder, file, found, shown);
  }
  if (faccessat(folder.fd(), ".", W_OK | X_OK, AT_EACCESS) != 0) fail(shown, errno);
}

void prepare_output() {
  // A file opened into a closed descriptor 1 would get what was meant for the standard output. Opened for the
  // wrong direction, so that use of it still fails.
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) break;
  }
  end_cleanly_on_signals();
}

}  // namespace heapglass
