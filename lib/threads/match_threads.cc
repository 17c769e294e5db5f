#include "lib/threads/match_threads.h"

namespace heapglass {
namespace {

class ThreadMatcher {
 public:
  ThreadMatcher(const Objects& objects, const Capture& capture, std::int32_t pid)
      : o_(objects), capture_(capture), pid_(pid) {}

  void match(PyThread& thread, bool several, bool is_first) const {
    // The frame that C code has for it lies on the stack of the thread that runs it (3.10 to 3.12).
    const ThreadRegisters* on = several ? by_c_frame(thread) : nullptr;
    if (on && !is_null(on->thread_pointer)) thread.thread_id = value(on->thread_pointer);
    if (!on) on = by_pthread(thread);
    if (on && on->own_tid != 0) {
      thread.native_id = static_cast<std::uint64_t>(on->own_tid);
    } else if (on && (thread.native_id == 0 || several)) {
      thread.native_id = static_cast<std::uint64_t>(on->tid);
    }
    if (thread.native_id == 0 && is_first && capture_.freeze == "none")
      thread.native_id = static_cast<std::uint64_t>(pid_);
  }

 private:
  const Mapping* mapping_of(Address a) const { return find_mapping(capture_.mappings, a); }

  const ThreadRegisters* by_c_frame(const PyThread& thread) const {
    if (!o_.python().rules.cframe && o_.layout().PyThreadState.cframe == kAbsent) return nullptr;
    const Address c_frame = o_.pointer(thread.tstate, o_.layout().PyThreadState.cframe);
    const Mapping* const stack = is_null(c_frame) ? nullptr : mapping_of(c_frame);
    if (!stack) return nullptr;
    const ThreadRegisters* nearest = nullptr;
    for (const ThreadRegisters& t : capture_.threads)
      if (mapping_of(t.stack_pointer) == stack && t.stack_pointer <= c_frame &&
          (!nearest || t.stack_pointer > nearest->stack_pointer))
        nearest = &t;
    return nearest;
  }

  // pthread_t is the thread pointer on glibc. Where no thread was stopped, so that there are no registers, it
  // points to the end of the thread's stack, but for the main thread: of the stack pointers below it in the
  // same mapping the nearest is its own. glibc 2.42 keeps no guard page, so that stacks of several are one
  // mapping.
  const ThreadRegisters* by_pthread(const PyThread& thread) const {
    if (thread.thread_id == 0) return nullptr;
    const Address pthread{thread.thread_id};
    const Mapping* const stack = mapping_of(pthread);
    const ThreadRegisters* nearest = nullptr;
    for (const ThreadRegisters& t : capture_.threads) {
      if (!is_null(t.thread_pointer)) {
        if (t.thread_pointer == pthread) return &t;
      } else if (stack && !is_null(t.stack_pointer) && t.stack_pointer < pthread &&
                 mapping_of(t.stack_pointer) == stack &&
                 (!nearest || t.stack_pointer > nearest->stack_pointer)) {
        nearest = &t;
      }
    }
    return nearest;
  }

  const Objects& o_;
  const Capture& capture_;
  const std::int32_t pid_;
};

}  // namespace

void match_threads(const Objects& objects, const Capture& capture, std::int32_t pid,
                   std::vector<PyInterpreter>& interpreters) {
  const ThreadMatcher matcher(objects, capture, pid);
  for (PyInterpreter& interpreter : interpreters)
    for (PyThread& thread : interpreter.threads)
      matcher.match(thread, interpreters.size() > 1,
                    &interpreter == &interpreters.back() && &thread == &interpreter.threads.back());
}

}  // namespace heapglass
