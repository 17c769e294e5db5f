#include "platform/files/file_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <set>

#include "lib/base/error.h"
#include "lib/base/page.h"

namespace heapglass {
namespace {

constexpr std::size_t kSlotsPerBlock = 256;

// One guarded range. The handler may run in any thread at any moment, so that it reads atomics only: a slot
// is free where `start` is 0, and everything else of it is written before `start` and read after it.
struct Slot {
  std::atomic<std::uintptr_t> start{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<std::uintptr_t> zeros_from{0};  // from here to `end` the file is not shown any more
  std::atomic<bool> shrunk{false};
  std::atomic<const char*> message{nullptr};  // with which the program ends; nullptr: it goes on
  std::string name, text;                     // of the mutex's
  Slot* next_free = nullptr;                  // of the mutex's
};

// Blocks of slots are never freed: the handler may be in any of them.
struct SlotBlock {
  std::array<Slot, kSlotsPerBlock> slots;
  std::atomic<SlotBlock*> next{nullptr};
};

// The name may be the target's choice, and a handler can escape nothing.
std::string plain_text(std::string name) {
  for (char& c : name)
    if (c < ' ' || c > '~') c = '?';
  return name;
}

class Registry {
 public:
  Slot* add(std::uintptr_t start, std::size_t size, const std::string& name, OnShrink what) {
    const std::string text =
        "heapglass: cannot read '" + plain_text(name) +
        "': it shrank while it was read (take a copy that nobody writes to, and give that)\n";
    const std::lock_guard lock(mutex_);
    Slot& slot = take_slot();
    try {
      slot.name = name;
      slot.text = text;
    } catch (...) {
      give_back(slot);
      throw;
    }
    slot.shrunk = false;
    slot.end = start + size;
    slot.zeros_from = start + size;
    slot.message = what == OnShrink::kEnd ? slot.text.c_str() : nullptr;
    slot.start.store(start, std::memory_order_release);
    return &slot;
  }
  // Needs no memory: it runs in destructors, also while "not enough memory" is on its way out.
  void remove(Slot* slot) {
    const std::lock_guard lock(mutex_);
    slot->start.store(0, std::memory_order_release);
    give_back(*slot);
  }
  std::vector<std::string> shrunk() {
    const std::lock_guard lock(mutex_);
    std::set<std::string> names;
    for (SlotBlock* block = &first_; block; block = block->next)
      for (const Slot& slot : block->slots)
        if (slot.start && slot.shrunk) names.insert(slot.name);
    return {names.begin(), names.end()};
  }
  // From the handler.
  Slot* find(std::uintptr_t at) {
    for (SlotBlock* block = &first_; block; block = block->next.load(std::memory_order_acquire))
      for (Slot& slot : block->slots) {
        const std::uintptr_t start = slot.start.load(std::memory_order_acquire);
        if (start && start <= at && at < slot.end) return &slot;
      }
    return nullptr;
  }

 private:
  Slot& take_slot() {
    if (!free_) {
      if (used_ == kSlotsPerBlock) {
        last_->next.store(new SlotBlock, std::memory_order_release);
        last_ = last_->next;
        used_ = 0;
      }
      return last_->slots[used_++];
    }
    Slot& slot = *free_;
    free_ = slot.next_free;
    return slot;
  }
  void give_back(Slot& slot) {
    slot.next_free = free_;
    free_ = &slot;
  }

  std::mutex mutex_;
  SlotBlock first_;
  SlotBlock* last_ = &first_;
  std::size_t used_ = 0;  // slots of the last block
  Slot* free_ = nullptr;  // the first of those given back
};

// Not destroyed: a fault may come while the program ends.
Registry& registry() {
  static auto& one = *new Registry;
  return one;
}

struct sigaction action_before {};
std::atomic<void (*)()> cleanup{nullptr};
std::atomic<bool> ending{false};
std::atomic_flag replacing = ATOMIC_FLAG_INIT;

[[noreturn]] void end_with(const char* message) {
  if (ending.exchange(true)) {  // another thread is at it
    while (true) pause();
  }
  if (auto* const last = cleanup.load()) last();
  if (write(STDERR_FILENO, message, std::strlen(message)) < 0) _exit(static_cast<int>(ErrorKind::kFile));
  _exit(static_cast<int>(ErrorKind::kFile));
}

// Zeros from the page of `at` on: whatever the file was cut to, it ends before. One thread at a time.
bool replace(Slot& slot, std::uintptr_t at) {
  while (replacing.test_and_set(std::memory_order_acquire)) {
  }
  const std::uintptr_t page = std::max(at / kPage * kPage, slot.start.load());
  const std::uintptr_t end = slot.zeros_from;
  bool done = page >= end;  // another thread has done it meanwhile
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  // Of huge pages none can be replaced in part.
  for (const std::uintptr_t from : {page, slot.start.load()}) {
    if (done) break;
    done =
        mmap(reinterpret_cast<void*>(from), end - from, PROT_READ | PROT_WRITE, kFlags, -1, 0) != MAP_FAILED;
    if (done) slot.zeros_from = from;
  }
  slot.shrunk = true;
  replacing.clear(std::memory_order_release);
  return done;
}

void on_bus_error(int, siginfo_t* info, void*) {
  const int error = errno;
  // BUS_ADRERR: the page is not there any more, or its disk cannot be read.
  Slot* const slot = info->si_code == BUS_ADRERR
                         ? registry().find(reinterpret_cast<std::uintptr_t>(info->si_addr))
                         : nullptr;
  if (slot) {
    if (const char* const message = slot->message) end_with(message);
    if (replace(*slot, reinterpret_cast<std::uintptr_t>(info->si_addr))) {
      errno = error;
      return;
    }
  }
  // A fault of ours: it comes again at once, and is dealt with as if this handler had never been.
  sigaction(SIGBUS, &action_before, nullptr);
  errno = error;
}

// A file under a lease, by its descriptor.
struct Leased {
  std::atomic<int> fd{-1};
  std::atomic<const char*> message{nullptr};
  std::string text;  // of the mutex's
};
std::array<Leased, 64> leases;
std::mutex leases_mutex;

void on_lease_break(int, siginfo_t* info, void*) {
  for (const Leased& leased : leases)
    if (const char* const message = leased.message; message && leased.fd == info->si_fd) {
      // A child of ours may have the file open too, and the writer is not to wait for that.
      fcntl(info->si_fd, F_SETLEASE, F_UNLCK);
      end_with(message);
    }
}

void install() {
  static std::once_flag once;
  std::call_once(once, [] {
    registry();
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &action_before);
  });
}

}  // namespace

std::shared_ptr<void> guard_file_view(void* at, std::size_t size, const std::string& name, OnShrink what) {
  install();
  Slot* const slot = registry().add(reinterpret_cast<std::uintptr_t>(at), size, name, what);
  return {slot, [](Slot* s) { registry().remove(s); }};
}

std::shared_ptr<void> end_before_writers(int fd, const std::string& name) {
  const std::lock_guard lock(leases_mutex);
  const auto free = std::find_if(leases.begin(), leases.end(), [](const Leased& l) { return l.fd < 0; });
  if (free == leases.end()) {
    errno = ENOLCK;
    return nullptr;
  }
  struct sigaction action {};
  action.sa_sigaction = on_lease_break;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  free->text = "heapglass: cannot read '" + plain_text(name) +
               "': another process is about to write to it (take a copy, and give that)\n";
  free->message = free->text.c_str();
  free->fd = fd;
  if (sigaction(SIGIO, &action, nullptr) == 0 && fcntl(fd, F_SETSIG, SIGIO) == 0 &&
      fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
    return {&*free, [](Leased* l) {
              const std::lock_guard unlock(leases_mutex);
              fcntl(l->fd, F_SETLEASE, F_UNLCK);
              l->message = nullptr;
              l->fd = -1;
            }};
  const int error = errno;
  free->message = nullptr;
  free->fd = -1;
  errno = error;
  return nullptr;
}

std::vector<std::string> shrunk_files() { return registry().shrunk(); }

void set_cleanup_of_shrunk(void (*last)()) { cleanup = last; }

}  // namespace heapglass
