#include "lib/report/native_stack_cells.h"

#include <optional>
#include <utility>
#include <vector>

#include "lib/threads/merged_stack.h"

namespace heapglass {
namespace {

constexpr std::size_t kMostNativeFrames = 1000;

// "clock_nanosleep+0x23 (/lib/x86_64-linux-gnu/libc.so.6)"
std::string text_of(const NativeFrame& frame) {
  if (frame.file.empty()) return to_hex(frame.instruction);
  const std::string offset = "+" + to_hex(Address{frame.offset});
  return frame.function.empty() ? frame.file + offset : frame.function + offset + " (" + frame.file + ")";
}

// The Python frames that each call evaluates, where that is known.
using FramesByCall = std::optional<std::vector<std::size_t>>;

Table frames_for_programs(const NativeStack& stack, const FramesByCall& by_call) {
  Table out{.columns = {{"function"},
                        {"offset", "", Kind::kPlainNumber},
                        {"file"},
                        {"address", "", Kind::kAddress},
                        {"python_frames", "", Kind::kPlainNumber}}};
  for (std::size_t i = 0; i < stack.frames.size(); ++i) {
    const NativeFrame& frame = stack.frames[i];
    out.rows.push_back({frame.function.empty() ? Cell() : Cell(frame.function), frame.offset,
                        frame.file.empty() ? Cell() : Cell(frame.file), frame.instruction,
                        by_call ? Cell(std::uint64_t{(*by_call)[i]}) : Cell()});
  }
  return out;
}

Table frames_for_people(const NativeStack& stack, std::span<const PyFrame> python,
                        const FramesByCall& by_call, std::size_t most) {
  Table out{.columns = {{"line", "innermost function first"}}};
  std::size_t shown = 0, next = 0;
  for (; shown < stack.frames.size() && (!most || shown < most); ++shown) {
    out.rows.push_back({text_of(stack.frames[shown])});
    for (std::size_t n = by_call ? (*by_call)[shown] : 0; n > 0; ++next) {
      if (python[next].incomplete) continue;
      out.rows.push_back({"    " + place_of(python[next])});
      --n;
    }
  }
  if (const std::size_t more = stack.frames.size() - shown)
    out.rows.push_back({std::to_string(more) + " more: --depth 0 shows all"});
  else if (!stack.why_it_ends.empty())
    out.rows.push_back({"the stack ends here: " + stack.why_it_ends});
  if (!by_call && !python.empty())
    out.rows.push_back({"which of these evaluate which Python functions is not known"});
  return out;
}

}  // namespace

std::string place_of(const PyFrame& frame) {
  const std::string line = frame.line ? std::to_string(frame.line) : "?";
  return frame.function + " (" + frame.file + ":" + line + ")";
}

const NativeStack& NativeStackCells::stack_of(const ThreadRegisters* thread) {
  static const NativeStack kUnknown{.frames = {}, .why_it_ends = "its registers are not known"};
  if (!thread) return kUnknown;
  const auto [at, is_new] = stacks_.try_emplace(thread);
  if (is_new)
    at->second = native_stack(*thread, heap_.binaries(), heap_.capture().mappings, *heap_.capture().image,
                              kMostNativeFrames);
  return at->second;
}

std::string NativeStackCells::key(const ThreadRegisters* thread) {
  if (!wanted_) return "";
  const NativeStack& stack = stack_of(thread);
  std::string key;
  for (const NativeFrame& frame : stack.frames) key += "\n" + text_of(frame);
  return key + "\n" + stack.why_it_ends;
}

void NativeStackCells::add_columns(Table& table) const {
  if (!wanted_) return;
  table.columns.push_back({"native_frames", "", Kind::kText, Audience::kPrograms});
  table.columns.push_back({"native_ends", "", Kind::kText, Audience::kPrograms});
  table.columns.push_back({"native_stack", "native", Kind::kText, Audience::kPeople});
}

void NativeStackCells::add_cells(Row& row, const ThreadRegisters* thread, std::span<const PyFrame> python) {
  if (!wanted_) return;
  const NativeStack& stack = stack_of(thread);
  const FramesByCall by_call = frames_by_call(stack, python);
  row.push_back(Tables{frames_for_programs(stack, by_call)});
  row.push_back(stack.why_it_ends.empty() ? Cell() : Cell(stack.why_it_ends));
  row.push_back(Tables{frames_for_people(stack, python, by_call, most_frames_)});
}

}  // namespace heapglass
