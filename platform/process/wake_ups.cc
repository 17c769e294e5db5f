#include "platform/process/wake_ups.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "lib/base/error.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

[[noreturn]] void fail(const char* what) {
  throw Error(ErrorKind::kUnreachable, std::string("cannot make ") + what + ": " + std::strerror(errno));
}

}  // namespace

WakeUps::WakeUps() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) fail("an epoll descriptor");
}

bool WakeUps::add(int fd, std::uint64_t token, bool urgent) {
  epoll_event event{};
  event.events = urgent ? EPOLLPRI : EPOLLIN;
  event.data.u64 = token;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void WakeUps::remove(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

std::vector<std::uint64_t> WakeUps::wait(std::chrono::milliseconds most) {
  constexpr std::int64_t kLongest = 3'600'000;
  std::array<epoll_event, 64> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                               static_cast<int>(std::clamp<std::int64_t>(most.count(), 0, kLongest)));
  std::vector<std::uint64_t> tokens;
  tokens.reserve(events.size());
  for (int i = 0; i < count; ++i) tokens.push_back(events[static_cast<std::size_t>(i)].data.u64);
  return tokens;
}

void drain_event(int fd) {
  std::uint64_t count = 0;
  (void)!read(fd, &count, sizeof count);
}

FileChanges::FileChanges() : inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (!inotify_) fail("an inotify descriptor");
}

int FileChanges::watch_content(const std::string& file) {
  return inotify_add_watch(inotify_.get(), file.c_str(), IN_MODIFY);
}

int FileChanges::watch_folder(const std::string& folder) {
  return inotify_add_watch(inotify_.get(), folder.c_str(), IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR);
}

void FileChanges::forget(int watch) {
  if (watch >= 0) inotify_rm_watch(inotify_.get(), watch);
}

std::set<int> FileChanges::take() {
  std::set<int> changed;
  alignas(inotify_event) std::array<char, 1 << 14> bytes;
  while (true) {
    const ssize_t got = read(inotify_.get(), bytes.data(), bytes.size());
    if (got <= 0) return changed;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, bytes.data() + at, sizeof event);
      // What was removed: its number is not given again.
      if (!(event.mask & IN_IGNORED)) changed.insert(event.wd);
      at += sizeof event + event.len;
    }
  }
}

SignalsAsEvents::SignalsAsEvents() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int each : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, each);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  fd_ = FileDescriptor(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_) fail("a signal descriptor");
}

int SignalsAsEvents::take() {
  signalfd_siginfo info{};
  return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

std::chrono::milliseconds time_since_boot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::milliseconds(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
}

std::string boot_id() {
  std::string text = read_proc_file("/proc/sys/kernel/random/boot_id");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "unknown" : text;
}

}  // namespace heapglass
