#include "lib/python/running_frames.h"

#include <unordered_set>
#include <utility>

#include "lib/python/objects.h"

namespace heapglass {
namespace {

constexpr std::size_t kMostThreads = 10'000;

class Reader {
 public:
  Reader(const MemoryReader& memory, const PyLayout& layout, const VersionTraits& rules)
      : memory_(memory), l_(layout), rules_(rules) {}

  Address pointer(Address base, std::int32_t offset) const {
    return Address{load<std::uint64_t>(base, offset)};
  }
  template <class T>
  T load(Address base, std::int32_t offset) const {
    if (offset == kAbsent) return T{};
    const auto word = read_as<T>(memory_, base + static_cast<std::uint64_t>(offset));
    if (!word) failed_ = true;
    return word.value_or(T{});
  }
  // Whether all has been readable since it was asked last.
  bool all_read() const { return !std::exchange(failed_, false); }

  // False: the links are not those of frames.
  bool interpreter_frames(Address tstate, std::vector<RunningFrame>& frames) const {
    const auto& f = l_.PyInterpreterFrame;
    Address frame = rules_.cframe
                        ? pointer(pointer(tstate, l_.PyThreadState.cframe), l_.PyCFrame.current_frame)
                        : pointer(tstate, l_.PyThreadState.current_frame);
    std::unordered_set<std::uint64_t> seen;
    while (!is_null(frame) && frames.size() < kMostRunningFrames) {
      if (!seen.insert(value(frame)).second) return false;
      const auto owner = load<std::uint8_t>(frame, f.owner);
      if (rules_.shim_owner == 0 || owner < rules_.shim_owner) {
        Address code = pointer(frame, f.f_code);
        if (rules_.tagged_stack_refs) code = Address{value(code) & ~kStackRefTag};
        const Address instruction = pointer(frame, f.prev_instr);
        if (is_null(code)) return false;
        frames.push_back(
            {code, static_cast<std::int64_t>(
                       instruction - (code + static_cast<std::uint64_t>(l_.PyCodeObject.co_code_adaptive)))});
      }
      frame = pointer(frame, f.previous);
      if (failed_) return false;
    }
    return all_read();
  }

  bool frame_objects(Address tstate, std::vector<RunningFrame>& frames) const {
    const auto& f = l_.PyFrameObject;
    std::unordered_set<std::uint64_t> seen;
    for (Address frame = pointer(tstate, l_.PyThreadState.frame);
         !is_null(frame) && frames.size() < kMostRunningFrames; frame = pointer(frame, f.f_back)) {
      if (!seen.insert(value(frame)).second) return false;
      const std::int64_t lasti = load<std::int32_t>(frame, f.f_lasti);
      // 3.10 counts instructions of two bytes.
      frames.push_back(
          {pointer(frame, f.f_code), l_.PyCodeObject.co_linetable != kAbsent ? lasti * 2 : lasti});
      if (failed_) return false;
    }
    return all_read();
  }

 private:
  const MemoryReader& memory_;
  const PyLayout& l_;
  const VersionTraits& rules_;
  mutable bool failed_ = false;
};

}  // namespace

std::vector<RunningThread> read_running_frames(const MemoryReader& memory, const PyLayout& layout,
                                               const VersionTraits& rules, Address runtime,
                                               std::uint64_t& torn) {
  const Reader reader(memory, layout, rules);
  std::vector<RunningThread> threads;
  std::unordered_set<std::uint64_t> seen;
  for (Address state = reader.pointer(runtime, layout.PyRuntimeState.interpreters_head);
       !is_null(state) && seen.insert(value(state)).second;
       state = reader.pointer(state, layout.PyInterpreterState.next)) {
    for (Address tstate = reader.pointer(state, layout.PyInterpreterState.threads_head);
         !is_null(tstate) && seen.size() < kMostThreads && seen.insert(value(tstate)).second;
         tstate = reader.pointer(tstate, layout.PyThreadState.next)) {
      RunningThread thread{.tstate = tstate};
      thread.native_id = reader.load<std::uint64_t>(tstate, layout.PyThreadState.native_thread_id);
      thread.thread_id = reader.load<std::uint64_t>(tstate, layout.PyThreadState.thread_id);
      const bool whole = reader.all_read() && (rules.frames == Frames::kInterpreter
                                                   ? reader.interpreter_frames(tstate, thread.frames)
                                                   : reader.frame_objects(tstate, thread.frames));
      (void)reader.all_read();
      if (whole)
        threads.push_back(std::move(thread));
      else
        ++torn;
    }
  }
  return threads;
}

}  // namespace heapglass
