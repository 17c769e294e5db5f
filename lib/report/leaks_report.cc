#include "lib/report/leaks_report.h"

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

#include "lib/base/parallel.h"
#include "lib/render/numbers.h"
#include "lib/report/graph_drawer.h"
#include "lib/report/path_picture.h"
#include "lib/report/rows_left.h"
#include "lib/tracemalloc/allocation_sites.h"

namespace heapglass {
namespace {

std::string growth_in_words(const Suspect& s) {
  const SuspectGrowth& g = *s.growth;
  if (!g.is) return "did not grow";
  return std::string(g.bytes < 0 ? "-" : "+") + human_bytes(static_cast<std::uint64_t>(std::abs(g.bytes))) +
         (g.objects > 0 ? " and " + grouped(g.objects) + " more of them" : std::string()) +
         " since the first look; grew " + std::to_string(g.grew) + " of " + std::to_string(g.looks) +
         (g.looks == 1 ? " time" : " times");
}

// Where what the suspects keep was allocated, most bytes first: "app.py:12 (3.9 MB), ...". An object that
// several keep by each other is the nearest one's.
std::vector<std::string> allocated_by_suspect(const LeakContext& look, const std::vector<Suspect>& suspects,
                                              std::size_t shown, const AllocationSites& sites) {
  const HeapGraph& graph = look.heap().graph();
  constexpr std::uint32_t kNobodys = ~std::uint32_t{0};
  std::unordered_map<std::uint32_t, std::uint32_t> first_of;  // suspect by node
  std::vector<std::uint32_t> whose(graph.nodes(), kNobodys);
  for (std::uint32_t i = 0; i < shown; ++i) {
    const Suspect& s = suspects[i];
    if (s.node != kNoNode) whose[index(s.node)] = first_of.try_emplace(index(s.node), i).first->second;
    for (const std::vector<NodeId>* more : {&s.covers, &s.examples})
      for (const NodeId n : *more)
        if (whose[index(n)] == kNobodys) whose[index(n)] = i;
  }
  std::vector<std::unordered_map<std::string, std::uint64_t>> bytes(shown);
  for (const NodeId n : look.heap().dominators().order()) {
    std::uint32_t& suspect = whose[index(n)];
    const NodeId keeper = look.heap().dominators().dominator(n);
    if (suspect == kNobodys && keeper != kNoNode) suspect = whose[index(keeper)];
    if (suspect == kNobodys) continue;
    if (const std::string line = sites.line_of(n); !line.empty())
      bytes[suspect][line] += graph.all_bytes(index(n));
  }
  std::vector<std::string> out(shown);
  for (std::uint32_t i = 0; i < shown; ++i) {
    const auto same = suspects[i].node == kNoNode ? i : first_of.at(index(suspects[i].node));
    std::vector<std::pair<std::string, std::uint64_t>> lines(bytes[same].begin(), bytes[same].end());
    std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    constexpr std::size_t kMost = 3;
    for (std::size_t l = 0; l < std::min(kMost, lines.size()); ++l)
      out[i] += (l ? ", " : "") + lines[l].first + " (" + human_bytes(lines[l].second) + ")";
    if (lines.size() > kMost) out[i] += ", and on " + std::to_string(lines.size() - kMost) + " more";
  }
  return out;
}

// Objects that were made before it traced have no line.
void add_allocation_lines(const LeakContext& look, const std::vector<Suspect>& suspects, Table& table) {
  const AllocationSites sites(look.heap());
  if (!sites.why_none().empty()) return;
  table.columns.push_back({"allocated_at", "allocated at", Kind::kSentence});
  const auto lines = allocated_by_suspect(look, suspects, table.rows.size(), sites);
  for (std::size_t i = 0; i < table.rows.size(); ++i)
    table.rows[i].push_back(lines[i].empty() ? Cell("before tracemalloc was tracing, or by C code")
                                             : Cell(lines[i]));
}

Table table_of(const std::vector<Suspect>& suspects, std::size_t shown, const LeakSearch& search) {
  Table table{.key = "suspects",
              .columns = {{"rank", "", Kind::kPlainNumber, Audience::kPrograms},
                          {"suspect", "", Kind::kSentence, Audience::kPeople},
                          {"pattern", "", Kind::kText, Audience::kPrograms},
                          {"owner", "", Kind::kSentence, Audience::kPrograms},
                          {"bytes", "", Kind::kBytes, Audience::kPrograms},
                          {"share", "", Kind::kPercent, Audience::kPrograms},
                          {"retained_bytes", "", Kind::kBytes, Audience::kPrograms},
                          {"objects", "", Kind::kCount, Audience::kPrograms},
                          {"evidence", "", Kind::kSentence},
                          {"path", "", Kind::kSentence, Audience::kPrograms},
                          {"cure", "", Kind::kSentence},
                          {"id", "", Kind::kAddress, Audience::kPrograms},
                          {"held_also_by", "", Kind::kText, Audience::kPrograms}},
              .layout = Table::Layout::kBlocks};
  const bool grows = !suspects.empty() && suspects[0].growth;
  if (grows) {
    table.columns.push_back({"bytes_delta", "", Kind::kBytesDelta, Audience::kPrograms});
    table.columns.push_back({"objects_delta", "", Kind::kCountDelta, Audience::kPrograms});
    table.columns.push_back({"grew", "", Kind::kCount, Audience::kPrograms});
    table.columns.push_back({"growth", "", Kind::kSentence, Audience::kPeople});
  }
  for (std::size_t i = 0; i < shown; ++i) {
    const Suspect& s = suspects[i];
    const double share = static_cast<double>(s.bytes) / static_cast<double>(search.heap_bytes());
    const std::string suspect = std::to_string(i + 1) + ". " + std::string(s.pattern) + ": " + s.owner +
                                ", " + human_bytes(s.bytes) + " (" + human_percent(share) +
                                " of all objects)";
    table.rows.push_back({std::uint64_t{i + 1}, suspect, std::string(s.pattern), s.owner, s.bytes, share,
                          s.retained, s.objects, s.evidence, s.path, s.cure,
                          s.node == kNoNode ? Cell() : Cell(search.address(s.node)),
                          List(s.held_also_by.begin(), s.held_also_by.end())});
    if (grows)
      for (Cell cell :
           {Cell(s.growth->bytes), Cell(s.growth->objects), Cell(s.growth->grew), Cell(growth_in_words(s))})
        table.rows.back().push_back(std::move(cell));
  }
  return table;
}

}  // namespace

namespace {

// What the search begins with, on all cores: who comes to an answer that another one computes waits for it.
const Heap& with_answers(const Heap& heap) {
  at_once({[&] { heap.dominators(); }, [&] { heap.referrers(); }, [&] { heap.garbage(); },
           [&] { heap.root_paths(); }});
  return heap;
}

}  // namespace

LeakContext::LeakContext(const Heap& heap)
    : heap_(with_answers(heap)),
      search_({.labels = heap_.labels(),
               .values = heap_.view(),
               .root_paths = heap_.root_paths(),
               .dominators = heap_.dominators(),
               .held = heap_.external_roots(),
               .garbage = heap_.garbage(),
               .interpreters = heap_.interpreters(),
               .open_file =
                   [this](int fd) {
                     const auto at = heap_.open_files().what.find(fd);
                     return at == heap_.open_files().what.end() ? std::string() : at->second;
                   },
               .most_open_files = heap_.open_files().limit}) {}

void add_suspects(const LeakContext& look, const std::vector<Suspect>& suspects, std::size_t shown,
                  const std::string& elsewhere, Document& document) {
  document.fields.push_back(
      {{"heap_bytes", "", Kind::kBytes, Audience::kPrograms}, look.search().heap_bytes()});
  Table table = table_of(suspects, shown, look.search());
  add_allocation_lines(look, suspects, table);
  if (suspects.empty())
    table.notes.push_back(elsewhere.empty()
                              ? "nothing looks like a leak"
                              : "nothing among the Python objects looks like a leak; " + elsewhere);
  else if (!elsewhere.empty())
    table.notes.push_back(elsewhere);
  constexpr std::uint64_t kMuch = 20;  // a twentieth of the heap
  const bool grows = !suspects.empty() && suspects[0].growth;
  if (!suspects.empty() && !grows && std::all_of(suspects.begin(), suspects.end(), [&](const Suspect& each) {
        return each.bytes < look.search().heap_bytes() / kMuch;
      }))
    table.notes.push_back(
        "none of these has a twentieth of the memory: repeat this when the process has grown, with --every "
        "10m");
  if (shown < suspects.size())
    table.notes.push_back(rows_left(suspects.size() - shown, "suspect") + ": --limit 0 shows all");
  document.sections.push_back(std::move(table));
}

// Who holds the suspects, and a few of what each holds.
Picture suspects_picture(const LeakContext& look, const std::vector<Suspect>& suspects, std::size_t shown,
                         std::size_t most) {
  const Heap& s = look.heap();
  const LeakSearch& search = look.search();
  GraphDrawer maker(s, {.extra_info = {ExtraInfo::kRetained}});
  std::vector<std::vector<NodeId>> root_paths;
  for (std::size_t i = 0; i < shown; ++i) {
    const Suspect& suspect = suspects[i];
    if (suspect.node == kNoNode) continue;
    const std::vector<NodeId> path = search.path_to(suspect.node);
    for (const NodeId example : suspect.examples) {
      root_paths.push_back(path.empty() ? std::vector<NodeId>{suspect.node} : path);
      const auto held = s.graph().referents(suspect.node);
      if (std::find(held.begin(), held.end(), example) != held.end()) root_paths.back().push_back(example);
    }
    for (const NodeId other : suspect.other_holders) root_paths.push_back(search.path_to(other));
    if (suspect.examples.empty())
      root_paths.push_back(path.empty() ? std::vector<NodeId>{suspect.node} : path);
  }
  Picture picture = draw_root_paths(maker, root_paths, "What may leak in " + s.target().name(), most);
  if (shown < suspects.size())
    picture.notes.push_back(rows_left(suspects.size() - shown, "suspect") +
                            " not drawn: --limit 0 draws all");
  return picture;
}

}  // namespace heapglass
