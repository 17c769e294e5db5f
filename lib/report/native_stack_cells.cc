#include "lib/report/native_stack_cells.h"

#include <utility>

namespace heapglass {
namespace {

constexpr std::size_t kMostNativeFrames = 1000;

// "clock_nanosleep+0x23 (/lib/x86_64-linux-gnu/libc.so.6)"
std::string text_of(const NativeFrame& frame) {
  if (frame.file.empty()) return to_hex(frame.instruction);
  const std::string offset = "+" + to_hex(Address{frame.offset});
  return frame.function.empty() ? frame.file + offset : frame.function + offset + " (" + frame.file + ")";
}

Table frames_for_programs(const NativeStack& stack) {
  Table out{.columns = {
                {"function"}, {"offset", "", Kind::kPlainNumber}, {"file"}, {"address", "", Kind::kAddress}}};
  for (const NativeFrame& frame : stack.frames)
    out.rows.push_back({frame.function.empty() ? Cell() : Cell(frame.function), frame.offset,
                        frame.file.empty() ? Cell() : Cell(frame.file), frame.instruction});
  return out;
}

Table frames_for_people(const NativeStack& stack, std::size_t most) {
  Table out{.columns = {{"line", "innermost function first"}}};
  for (const NativeFrame& frame : stack.frames) {
    if (most && out.rows.size() == most) break;
    out.rows.push_back({text_of(frame)});
  }
  if (const std::size_t more = stack.frames.size() - out.rows.size())
    out.rows.push_back({std::to_string(more) + " more: --depth 0 shows all"});
  else if (!stack.why_it_ends.empty())
    out.rows.push_back({"the stack ends here: " + stack.why_it_ends});
  return out;
}

}  // namespace

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

void NativeStackCells::add_cells(Row& row, const ThreadRegisters* thread) {
  if (!wanted_) return;
  const NativeStack& stack = stack_of(thread);
  row.push_back(Tables{frames_for_programs(stack)});
  row.push_back(stack.why_it_ends.empty() ? Cell() : Cell(stack.why_it_ends));
  row.push_back(Tables{frames_for_people(stack, most_frames_)});
}

}  // namespace heapglass
