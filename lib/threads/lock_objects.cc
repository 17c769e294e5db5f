#include "lib/threads/lock_objects.h"

#include <algorithm>

namespace heapglass {
namespace {

std::int32_t offset_of(const LayoutSources& sources, std::string_view names, std::string_view paths) {
  const auto field = sources.field(names, paths);
  return field && field->offset < 1u << 30 ? static_cast<std::int32_t>(field->offset) : kAbsent;
}

}  // namespace

LockObjects::LockObjects(const ObjectView& values, const Objects& objects,
                         const std::vector<PyInterpreter>& interpreters)
    : o_(objects) {
  const LayoutSources sources(o_.python().sources);
  handle_ = offset_of(sources, "PyThreadHandleObject", "handle");
  handle_exiting_ = offset_of(sources, "ThreadHandle", "thread_is_exiting");
  for (const PyInterpreter& interpreter : interpreters) {
    const auto type = [&](std::string_view module, std::string_view name) {
      return module_attribute(values, o_, interpreter, module, name);
    };
    add(LockKind::What::kLock, type("_thread", "LockType"), "lockobject");
    add(LockKind::What::kRLock, type("_thread", "RLock"), "rlockobject");
    add(LockKind::What::kSimpleQueue, type("_queue", "SimpleQueue"), "simplequeueobject");
    add(LockKind::What::kThreadHandle, type("_thread", "_ThreadHandle"), "PyThreadHandleObject");
  }
}

void LockObjects::add(LockKind::What what, Address type, std::string_view structure) {
  if (is_null(type)) return;
  const LayoutSources sources(o_.python().sources);
  const auto at = [&](std::string_view paths) { return offset_of(sources, structure, paths); };
  LockKind kind{.what = what, .type = type};
  switch (what) {
    case LockKind::What::kLock:
      kind.semaphore = at("lock_lock");
      kind.locked = at("locked|lock");
      if (kind.semaphore == kAbsent) kind.parked = at("lock");
      break;
    case LockKind::What::kRLock:
      kind.semaphore = at("rlock_lock");
      kind.owner = at("rlock_owner|lock.thread");
      if (kind.semaphore == kAbsent) kind.parked = at("lock");
      break;
    case LockKind::What::kSimpleQueue:
      kind.parked = at("has_threads_waiting");
      if (kind.parked == kAbsent) kind.semaphore = at("lock");
      break;
    case LockKind::What::kThreadHandle:
      break;
  }
  kinds_.push_back(kind);
}

const LockKind* LockObjects::kind_of(Address object) const {
  const Address type = o_.type_of(object);
  for (const LockKind& kind : kinds_)
    if (kind.type == type && !is_null(type)) return &kind;
  return nullptr;
}

bool LockObjects::has_kind(Address type) const {
  return std::any_of(kinds_.begin(), kinds_.end(), [&](const LockKind& kind) { return kind.type == type; });
}

// struct wait_entry {void *park_arg; uintptr_t addr; _PySemaphore sema; ...}, on the stack of who waits: the
// futex is the semaphore's first word.
Address LockObjects::parked_address(const ThreadRegisters& r) const {
  if (is_null(r.futex) || value(r.futex) < value(r.stack_pointer) || r.futex - r.stack_pointer > kNearStack)
    return {};
  return o_.pointer(r.futex - 8, 0);
}

Address LockObjects::waited_for(const ThreadRegisters& r) const {
  if (is_null(r.futex)) return {};
  const Address parked = parked_address(r);
  bool semaphores = false;
  for (const LockKind& kind : kinds_) {
    semaphores |= kind.semaphore != kAbsent;
    if (is_null(parked) || kind.parked == kAbsent) continue;
    const Address object = parked - static_cast<std::uint64_t>(kind.parked);
    if (o_.type_of(object) == kind.type) return object;
  }
  if (!semaphores) return {};
  // Whoever waits on a lock's semaphore has the lock in a register that it saved, or in a variable.
  for (std::uint64_t at = 0; at < kNearStack; at += 8) {
    const Address object = o_.pointer(r.stack_pointer + at, 0);
    const LockKind* kind = is_null(object) ? nullptr : kind_of(object);
    if (kind && kind->semaphore != kAbsent && o_.pointer(object, kind->semaphore) == r.futex) return object;
  }
  return {};
}

bool LockObjects::is_parked_on_end(const ThreadRegisters& r, Address handle_object) const {
  const Address parked = parked_address(r);
  if (is_null(parked) || handle_exiting_ == kAbsent) return false;
  const Address field = handle_field(handle_object);
  return !is_null(field) && o_.pointer(field, 0) + static_cast<std::uint64_t>(handle_exiting_) == parked;
}

Address LockObjects::handle_field(Address handle_object) const {
  const LockKind* kind = kind_of(handle_object);
  if (!kind || kind->what != LockKind::What::kThreadHandle || handle_ == kAbsent) return {};
  return handle_object + static_cast<std::uint64_t>(handle_);
}

std::uint64_t LockObjects::owner(Address lock) const {
  const LockKind* kind = kind_of(lock);
  return kind ? value(o_.pointer(lock, kind->owner)) : 0;
}

std::optional<bool> LockObjects::is_locked(Address lock) const {
  const LockKind* kind = kind_of(lock);
  if (!kind) return std::nullopt;
  if (kind->owner != kAbsent) return owner(lock) != 0;
  const auto byte = o_.load<std::uint8_t>(lock, kind->locked);
  return byte ? std::optional<bool>(*byte & 1) : std::nullopt;
}

}  // namespace heapglass
