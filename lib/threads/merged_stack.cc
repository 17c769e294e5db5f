#include "lib/threads/merged_stack.h"

#include <algorithm>
#include <string_view>

namespace heapglass {
namespace {

// A compiler may put its rarely run part apart: "_PyEval_EvalFrameDefault.cold". Builds with tail calls have
// a function for each instruction, one of which is on the stack.
bool evaluates(const NativeFrame& frame) {
  constexpr std::string_view kCall = "_PyEval_EvalFrameDefault", kTailCall = "_TAIL_CALL_";
  const std::string_view name = frame.function;
  return (name.starts_with(kCall) && (name.size() == kCall.size() || name[kCall.size()] == '.')) ||
         name.starts_with(kTailCall);
}

}  // namespace

std::optional<std::vector<std::size_t>> frames_by_call(const NativeStack& native,
                                                       std::span<const PyFrame> python) {
  const auto calls = std::count_if(native.frames.begin(), native.frames.end(), evaluates);
  const auto begun =
      std::count_if(python.begin(), python.end(), [](const PyFrame& f) { return f.begins_eval; });
  const bool is_whole = native.why_it_ends.empty();
  if (is_whole ? calls != begun : calls > begun) return std::nullopt;
  std::vector<std::size_t> counts;
  counts.reserve(native.frames.size());
  std::size_t next = 0;
  for (const NativeFrame& frame : native.frames) {
    std::size_t count = 0;
    for (bool goes_on = evaluates(frame); goes_on && next < python.size(); ++next) {
      count += !python[next].incomplete;
      goes_on = !python[next].begins_eval;
    }
    counts.push_back(count);
  }
  if (is_whole && next != python.size()) return std::nullopt;
  return counts;
}

}  // namespace heapglass
