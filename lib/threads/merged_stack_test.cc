#include "lib/threads/merged_stack.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

using Counts = std::vector<std::size_t>;

NativeStack native(const std::vector<std::string>& functions, const std::string& why_it_ends = "") {
  NativeStack stack{.frames = {}, .why_it_ends = why_it_ends};
  for (const std::string& each : functions)
    stack.frames.push_back({.instruction = {}, .function = each, .offset = 0, .file = "python"});
  return stack;
}

// A letter each: b begins a call, g goes on in one, i is incomplete and goes on, I is incomplete and begins
// one.
std::vector<PyFrame> python(const std::string& kinds) {
  std::vector<PyFrame> frames;
  for (const char kind : kinds) {
    PyFrame frame;
    frame.begins_eval = kind == 'b' || kind == 'I';
    frame.incomplete = kind == 'i' || kind == 'I';
    frames.push_back(frame);
  }
  return frames;
}

const std::string kCall = "_PyEval_EvalFrameDefault";

TEST(FramesByCall, AreThoseUpToTheOneThatBeginsTheCall) {
  EXPECT_EQ(frames_by_call(native({"read", kCall, "qsort", kCall, "_start"}), python("ggbb")),
            (Counts{0, 3, 0, 1, 0}));
  EXPECT_EQ(
      frames_by_call(native({kCall + ".cold", "x", kCall + ".lto_priv.0", "_TAIL_CALL_CALL"}), python("bbb")),
      (Counts{1, 0, 1, 1}));
  EXPECT_EQ(frames_by_call(native({"read", "_start"}), python("")), (Counts{0, 0}));
}

TEST(FramesByCall, LeaveOutWhatIsIncomplete) {
  EXPECT_EQ(frames_by_call(native({kCall, "x", kCall}), python("gibb")), (Counts{2, 0, 1}));
  EXPECT_EQ(frames_by_call(native({kCall, "x", kCall}), python("Igb")), (Counts{0, 0, 2}));
}

TEST(FramesByCall, AreNotKnownWhereCallsAndFramesDoNotAgree) {
  EXPECT_EQ(frames_by_call(native({kCall, "_start"}), python("bb")), std::nullopt);
  EXPECT_EQ(frames_by_call(native({kCall, kCall, "_start"}), python("b")), std::nullopt);
  EXPECT_EQ(frames_by_call(native({"read", "_start"}), python("b")), std::nullopt);
  EXPECT_EQ(frames_by_call(native({kCall + "Other"}), python("b")), std::nullopt);
  // The outermost begins none.
  EXPECT_EQ(frames_by_call(native({kCall}), python("bg")), std::nullopt);
}

TEST(FramesByCall, OfAStackThatEndsEarlyAreTheInnermost) {
  const auto cut = [](const std::string& kinds) {
    return frames_by_call(native({"read", kCall, "jit"}, "generated code"), python(kinds));
  };
  EXPECT_EQ(cut("gbgb"), (Counts{0, 2, 0}));
  EXPECT_EQ(cut("gg"), std::nullopt);
}

}  // namespace
}  // namespace heapglass
