#include "lib/render/unfinished.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>

#include "lib/base/error.h"
#include "lib/render/output_keeper.h"
#include "lib/render/terminal_restore.h"

namespace heapglass {
namespace {

constexpr std::string_view kPrefix = ".heapglass-";
constexpr std::size_t kDigits = 16;
constexpr int kMostEntries = 100'000;  // of a folder that are looked through for abandoned files

// A slot is claimed, its path written; then the file is opened, and then it is there.
struct Slot {
  enum State { kFree, kClaimed, kOpening, kThere };
  std::atomic<int> state{kFree};
  bool folder = false;
  char path[PATH_MAX];
};
constexpr int kSlots = 32;
Slot slots[kSlots];
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler reads it");

std::atomic<bool> ending{false};
std::atomic<pid_t> ender{0};    // the thread that does it
std::atomic<pid_t> program{0};  // children run handlers of ours until they set their own

void sleep_a_millisecond() noexcept {
  const timespec time = {0, 1'000'000};
  nanosleep(&time, nullptr);
}

bool is_unfinished_name(std::string_view name) {
  return name.size() == kPrefix.size() + kDigits && name.starts_with(kPrefix) &&
         name.find_first_not_of("0123456789abcdef", kPrefix.size()) == name.npos;
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// The folder for reading, whatever `fd` was opened for.
Folder read_folder(int fd) {
  const int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const folder = again < 0 ? nullptr : fdopendir(again);
  if (!folder && again >= 0) close(again);
  return Folder(folder);
}

void remove_files_in(int fd) {
  const Folder folder = read_folder(fd);
  while (const dirent* entry = folder ? readdir(folder.get()) : nullptr) {
    if (std::string_view(entry->d_name) != "." && std::string_view(entry->d_name) != "..")
      unlinkat(fd, entry->d_name, 0);
  }
}

void remove_if_abandoned(int folder, const char* name) {
  struct stat found {};
  if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || found.st_uid != geteuid()) return;
  if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) return;
  const int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    if (S_ISDIR(found.st_mode)) remove_files_in(fd);
    unlinkat(folder, name, S_ISDIR(found.st_mode) ? AT_REMOVEDIR : 0);
  }
  close(fd);
}

extern "C" void on_ending_signal(int signal, siginfo_t* info, void*) {
  // What a write of ours got is an error of that write: the kernel says that we sent it.
  const bool of_a_write = signal == SIGPIPE || signal == SIGXFSZ;
  if (of_a_write && info->si_code == SI_USER && info->si_pid == getpid()) return;
  if (of_a_write && info->si_code == SI_KERNEL) return;
  end_by_signal(signal);
}

}  // namespace

Unfinished::Unfinished(const std::string& path, What what) {
  // A handler is about to end the program: nothing new is begun.
  while (ending) sleep_a_millisecond();
  if (path.size() >= PATH_MAX) return;
  for (int slot = 0; slot < kSlots; ++slot) {
    int expected = Slot::kFree;
    if (!slots[slot].state.compare_exchange_strong(expected, Slot::kClaimed)) continue;
    std::memcpy(slots[slot].path, path.c_str(), path.size() + 1);
    slots[slot].folder = what == What::kFolder;
    slots[slot].state = Slot::kOpening;
    slot_ = slot;
    break;
  }
  // It may have begun since, and not have seen this one.
  while (ending) sleep_a_millisecond();
}

Unfinished::Unfinished(Unfinished&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}
Unfinished& Unfinished::operator=(Unfinished&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

void Unfinished::made() {
  if (slot_ >= 0) slots[slot_].state = Slot::kThere;
}

void Unfinished::forget() {
  if (slot_ >= 0) slots[slot_].state = Slot::kFree;
  slot_ = -1;
}

std::string unfinished_name() {
  std::uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random)
    throw Error(ErrorKind::kFile, std::string("the system gives no random number: ") + std::strerror(errno));
  char name[kPrefix.size() + kDigits + 1];
  std::snprintf(name, sizeof name, "%.*s%016llx", static_cast<int>(kPrefix.size()), kPrefix.data(),
                static_cast<unsigned long long>(random));
  return name;
}

bool lock_unfinished(int fd) {
  struct stat found {};
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
  // Removed between being made and being locked. File systems without locks have no abandoned files either.
  return fstat(fd, &found) != 0 || found.st_nlink > 0;
}

void remove_abandoned(int folder) noexcept {
  const Folder entries = read_folder(folder);
  for (int n = 0; entries && n < kMostEntries; ++n) {
    const dirent* const entry = readdir(entries.get());
    if (!entry) break;
    if (is_unfinished_name(entry->d_name)) remove_if_abandoned(folder, entry->d_name);
  }
}

void remove_unfinished_files() noexcept {
  restore_terminal();  // every way out comes here
  // What it has opened for us it removes, and what its deeds have made.
  if (OutputKeeper* const keeper = OutputKeeper::active()) keeper->end();
  constexpr int kLongestOpening = 50;  // milliseconds; the thread that opens may be this one
  for (int waited = 0; waited < kLongestOpening; ++waited) {
    bool opening = false;
    for (const Slot& slot : slots) opening |= slot.state.load() == Slot::kOpening;
    if (!opening) break;
    sleep_a_millisecond();
  }
  for (const bool folders : {false, true})
    for (Slot& slot : slots) {
      const int state = slot.state.load();
      if ((state != Slot::kThere && state != Slot::kOpening) || slot.folder != folders) continue;
      unlinkat(AT_FDCWD, slot.path, folders ? AT_REMOVEDIR : 0);
    }
}

void end_by_signal(int signal) noexcept {
  // In a child that has not set its own handlers yet the files are its parent's.
  if (getpid() == program) {
    const pid_t self = gettid();
    if (ending.exchange(true))
      while (ender != self) sleep_a_millisecond();  // another thread is at it
    ender = self;
    remove_unfinished_files();
  }
  _exit(128 + signal);
}

void end_cleanly_on_signals() {
  if (program.exchange(getpid()) != getpid()) {
    // A child begins anew: the files are its parent's, and so is the end that a thread of it is at.
    for (Slot& slot : slots) slot.state = Slot::kFree;
    ending = false;
  }
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
                           SIGPROF, SIGXCPU, SIGXFSZ, SIGPOLL, SIGPWR, SIGSTKFLT}) {
    struct sigaction now = {};
    // nohup, and who starts programs with SIGPIPE ignored. A shell ignores SIGINT for what it runs in the
    // background, where it can still be sent on purpose.
    if (sigaction(signal, nullptr, &now) != 0 || (now.sa_handler == SIG_IGN && signal != SIGINT)) continue;
    struct sigaction action = {};
    action.sa_sigaction = on_ending_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace heapglass
