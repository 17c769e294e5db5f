#include "lib/open/heap_facts.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/python/runtime_stage.h"

namespace heapglass {
namespace {

// Where a stack word of the main thread, as far as the stack is in use, returns into Py_Finalize.
bool main_thread_ends_it(const HeapParts& parts) {
  for (const ThreadRegisters& t : parts.capture.threads) {
    if (t.tid != parts.target->pid() || is_null(t.stack_pointer)) continue;
    const Mapping* const stack = find_mapping(parts.capture.mappings, t.stack_pointer);
    return stack && returns_to_finalize(parts.python, *parts.capture.image, t.stack_pointer, stack->end);
  }
  return false;
}

}  // namespace

std::vector<TargetState> states_of(const HeapParts& parts) {
  std::vector<TargetState> states = parts.target->states();
  if (parts.snapshot) return states;
  RuntimeStage stage = stage_of(parts.python, *parts.capture.image);
  if (stage == RuntimeStage::kRunning && main_thread_ends_it(parts)) stage = RuntimeStage::kEnding;
  if (stage == RuntimeStage::kStarting)
    states.push_back({"starting", "its Python is starting up: not all of it is there yet"});
  if (stage == RuntimeStage::kEnding)
    states.push_back({"shutting down",
                      "its Python is shutting down (Py_Finalize): modules and other objects may be gone"});
  return states;
}

void add_words_caveat(HeapParts& parts) {
  Caveat caveat{.kind = "references-by-word"};
  for (const auto& [type, count] : parts.report.by_word) {
    caveat.count += count;
    constexpr std::size_t kMost = 8;
    if (caveat.examples.size() < kMost) caveat.examples.push_back(type);
  }
  if (caveat.count == 0) return;
  caveat.text =
      std::to_string(caveat.count) +
      " references were found as words of structs that the collector is not told of: in objects of ";
  for (std::size_t i = 0; i < caveat.examples.size(); ++i)
    caveat.text += (i ? ", " : "") + caveat.examples[i];
  if (const std::size_t more = parts.report.by_word.size() - caveat.examples.size())
    caveat.text += " and " + std::to_string(more) + " more types";
  parts.capture.caveats.push_back(std::move(caveat));
}

void add_unreached_caveat(HeapParts& parts) {
  std::vector<std::pair<std::uint64_t, std::string>> by_count;
  Caveat caveat{.kind = "objects-unreached"};
  for (const auto& [type, count] : parts.report.unreached) {
    caveat.count += count;
    by_count.emplace_back(count, type);
  }
  constexpr std::uint64_t kFewest = 1000, kMany = 10'000, kShare = 20;
  if (caveat.count < kFewest || (caveat.count < kMany && caveat.count < parts.graph.nodes() / kShare)) return;
  std::sort(by_count.rbegin(), by_count.rend());
  caveat.text = std::to_string(caveat.count) +
                " objects are known by their blocks alone, and nothing that can be seen refers to them: ";
  constexpr std::size_t kMost = 8;
  for (const auto& [count, type] : by_count) {
    if (caveat.examples.size() == kMost) break;
    caveat.text += (caveat.examples.empty() ? "" : ", ") + type + " (" + std::to_string(count) + ")";
    caveat.examples.push_back(type);
  }
  if (by_count.size() > kMost)
    caveat.text += " and " + std::to_string(by_count.size() - kMost) + " more types";
  parts.capture.caveats.push_back(std::move(caveat));
}

}  // namespace heapglass
