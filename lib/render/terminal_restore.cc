#include "lib/render/terminal_restore.h"

#include <atomic>

namespace heapglass {
namespace {

std::atomic<void (*)()> to_restore{nullptr};
static_assert(std::atomic<void (*)()>::is_always_lock_free, "a signal handler reads it");

}  // namespace

void set_terminal_restore(void (*restore)()) noexcept { to_restore = restore; }

void restore_terminal() noexcept {
  if (void (*const restore)() = to_restore.exchange(nullptr)) restore();
}

}  // namespace heapglass
