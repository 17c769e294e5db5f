#include "lib/report/overview_report.h"

#include <algorithm>
#include <vector>

#include "lib/leaks/find_suspects.h"
#include "lib/render/numbers.h"
#include "lib/report/info_report.h"
#include "lib/report/leaks_report.h"
#include "lib/report/memory_line.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {
namespace {

constexpr std::size_t kSuspectsShown = 3, kBarWidth = 60;

struct BarPart {
  char letter;
  const char* words;
  std::vector<MemoryKind> kinds;
};
const std::vector<BarPart>& bar_parts() {
  static const std::vector<BarPart> parts{
      {'O', "Python objects", {MemoryKind::kObjects}},
      {'B', "their buffers", {MemoryKind::kBuffers}},
      {'N', "native", {MemoryKind::kNative}},
      {'F', "free in the allocators", {MemoryKind::kPymallocFree, MemoryKind::kMallocFree}},
      {'S', "shared", {MemoryKind::kShared}},
      {'C', "code and files", {MemoryKind::kCode, MemoryKind::kFiles}},
      {'.', "other", {MemoryKind::kOverhead, MemoryKind::kStacks, MemoryKind::kUnknown}}};
  return parts;
}

std::uint64_t bytes_of(const MemoryBill& bill, const BarPart& part) {
  std::uint64_t sum = 0;
  for (const MemoryRow& row : bill.rows)
    if (std::find(part.kinds.begin(), part.kinds.end(), row.kind) != part.kinds.end()) sum += row.bytes;
  return sum;
}

std::string legend(const std::string& bar) {
  std::string text;
  for (const BarPart& part : bar_parts())
    if (bar.find(part.letter) != std::string::npos)
      text += (text.empty() ? "" : ", ") + std::string(1, part.letter) + " " + part.words;
  return text;
}

// The fields of info that say who it is.
void add_identity(const Heap& heap, Document& document) {
  static constexpr std::string_view kShown[] = {"pid",     "command", "python",     "build", "state",
                                                "threads", "objects", "references", "bytes"};
  for (Field& field : info_document(heap, false).fields)
    if (std::find(std::begin(kShown), std::end(kShown), field.column.key) != std::end(kShown))
      document.fields.push_back(std::move(field));
}

Table next_commands(const Heap& heap, const std::string& target) {
  Table table{.key = "next",
              .title = "Next",
              .columns = {{"command", "command", Kind::kText}, {"what", "what it prints", Kind::kSentence}}};
  const auto add = [&](const std::string& command, const char* what) {
    table.rows.push_back({"heapglass " + command, std::string(what)});
  };
  if (heap.target().runs())
    add("leaks " + target + " --every 10s", "what grows within ten seconds, and who holds it");
  add("memory " + target, "each part of the memory, by type, library and allocator");
  add("stacks " + target, "what its threads and tasks do and wait for");
  add("report " + target + " -o report.html", "all of it as a page for a browser");
  return table;
}

}  // namespace

std::string bar_of(const MemoryBill& bill, std::size_t width) {
  if (bill.sum == 0) return {};
  std::string bar = "[";
  // Each part ends where its share of all before it ends, so that the letters add up.
  std::uint64_t before = 0;
  for (const BarPart& part : bar_parts()) {
    before += bytes_of(bill, part);
    const auto end =
        static_cast<std::size_t>((static_cast<unsigned __int128>(before) * width * 2 + bill.sum) /
                                 (static_cast<unsigned __int128>(bill.sum) * 2));
    while (bar.size() - 1 < std::min(end, width)) bar += part.letter;
  }
  return bar + "]";
}

Document overview_document(const Heap& heap, const std::string& target) {
  Document document;
  const TakenBill bill = take_bill(heap);
  const LeakContext look(heap);
  const std::vector<Suspect> suspects = find_suspects(look.search(), {});
  const MemoryLine memory(bill.bill, {}, bill.why_none, target);
  add_identity(heap, document);
  memory.add_to(document);
  if (bill.bill) {
    if (const std::string bar = bar_of(*bill.bill, kBarWidth); !bar.empty())
      document.fields.push_back({{"bar", "", Kind::kText}, bar + "  " + legend(bar)});
    document.fields.push_back({{"verdict", "verdict", Kind::kSentence}, bill.bill->verdict_text});
  }
  add_suspects(look, suspects, std::min(kSuspectsShown, suspects.size()), memory.elsewhere(), document);
  document.sections.push_back(next_commands(heap, target));
  return document;
}

}  // namespace heapglass
