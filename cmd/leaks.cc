// heapglass leaks: what most likely leaks, who holds it, and what usually helps.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <unordered_map>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/heap/garbage_options.h"
#include "lib/leaks/find_suspects.h"
#include "lib/leaks/suspect_growth.h"
#include "lib/open/open_heap.h"
#include "lib/open/output_rights.h"
#include "lib/render/numbers.h"
#include "lib/render/output_options.h"
#include "lib/report/graph_drawer.h"
#include "lib/report/path_picture.h"
#include "lib/report/write_answer.h"
#include "lib/tracemalloc/allocation_sites.h"

namespace heapglass {
namespace {

// The heap of one capture, and the search for leaks in it.
class LeakContext {
 public:
  explicit LeakContext(const CommonOptions& common)
      : heap_(open_heap(common, {.open_files = true})),
        search_({.labels = heap_->labels(),
                 .values = heap_->view(),
                 .ways = heap_->root_paths(),
                 .dominators = heap_->dominators(),
                 .held = heap_->external_roots(),
                 .garbage = heap_->garbage(),
                 .interpreters = heap_->interpreters(),
                 .open_file =
                     [this](int fd) {
                       const auto at = heap_->open_files().what.find(fd);
                       return at == heap_->open_files().what.end() ? std::string() : at->second;
                     },
                 .most_open_files = heap_->open_files().limit}) {}

  const Heap& heap() const { return *heap_; }
  const LeakSearch& search() const { return search_; }

 private:
  const std::unique_ptr<Heap> heap_;
  const LeakSearch search_;
};

std::string growth_in_words(const Suspect& s) {
  const SuspectGrowth& g = *s.growth;
  if (g.objects <= 0) return "did not grow";
  return std::string(g.bytes < 0 ? "-" : "+") + human_bytes(static_cast<std::uint64_t>(std::abs(g.bytes))) +
         " and " + grouped(g.objects) + " more of them since the first look; grew " + std::to_string(g.grew) +
         " of " + std::to_string(g.looks) + (g.looks == 1 ? " time" : " times");
}

// Where what the suspects keep was allocated, most bytes first: "app.py:12 (3.9 MB), ...". An object that
// several keep by each other is the nearest one's.
std::vector<std::string> allocated_by_suspect(LeakContext& look, const std::vector<Suspect>& suspects,
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
      bytes[suspect][line] += graph.size[index(n)];
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
void add_allocation_lines(LeakContext& look, const std::vector<Suspect>& suspects, Table& table) {
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
                          {"id", "", Kind::kAddress, Audience::kPrograms}},
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
                          s.node == kNoNode ? Cell() : Cell(search.address(s.node))});
    if (grows)
      for (Cell cell :
           {Cell(s.growth->bytes), Cell(s.growth->objects), Cell(s.growth->grew), Cell(growth_in_words(s))})
        table.rows.back().push_back(std::move(cell));
  }
  return table;
}

// Who holds the suspects, and a few of what each holds.
Picture draw(LeakContext& look, const std::vector<Suspect>& suspects, std::size_t shown, std::size_t most) {
  const Heap& s = look.heap();
  const LeakSearch& search = look.search();
  GraphDrawer maker(s, {});
  std::vector<std::vector<NodeId>> ways;
  for (std::size_t i = 0; i < shown; ++i) {
    const Suspect& suspect = suspects[i];
    if (suspect.node == kNoNode) continue;
    const std::vector<NodeId> way = search.way_to(suspect.node);
    for (const NodeId example : suspect.examples) {
      ways.push_back(way.empty() ? std::vector<NodeId>{suspect.node} : way);
      const auto held = s.graph().referents(suspect.node);
      if (std::find(held.begin(), held.end(), example) != held.end()) ways.back().push_back(example);
    }
    if (suspect.examples.empty()) ways.push_back(way.empty() ? std::vector<NodeId>{suspect.node} : way);
  }
  return draw_root_paths(maker, ways, "What may leak in " + s.target().name(), most);
}

}  // namespace

int run_leaks(const std::vector<std::string>& arguments) {
  CommandLine line("leaks", "leak suspects: what keeps them alive, and the usual cure");
  std::optional<std::size_t> limit;
  std::size_t most_nodes = 200;
  std::optional<std::chrono::milliseconds> every;
  std::optional<long long> times;
  std::vector<std::string> more;
  line.takes_more_targets(&more);
  line.option("every", &every,
              "capture again after this time, 500ms, 10s or 2m, and rank suspects by growth");
  line.count("times", &times, 2, 1'000'000, "number of captures (with --every: default 2)");
  line.count("limit,n", &limit, 0, kMostRows, "print N suspects (default 10, in a picture 3), 0: all");
  ThresholdOptions fail_if;
  line.thresholds(
      &fail_if,
      "where THRESHOLD is exceeded, between the first capture and the last where there are several");
  line.count("max-nodes", &most_nodes, 1, 1'000'000, "draw at most N objects (default 200)");
  if (!line.parse(arguments)) return kExitDone;
  const bool picture = wants_picture(line.common());
  const std::size_t most = limit.value_or(picture ? 3 : 10);
  if (!more.empty() && (every || times))
    throw Error(ErrorKind::kUsage, "--every and --times are for a single target that runs");
  const auto interval = every.value_or(std::chrono::seconds(10));
  const bool again = every || times;
  const auto looks = again ? times.value_or(2) : 1;

  const Thresholds thresholds(fail_if);
  if (!again && more.empty()) thresholds.need_one_moment();

  std::vector<std::string> targets(static_cast<std::size_t>(looks), line.common().target);
  targets.insert(targets.end(), more.begin(), more.end());
  keep_right_to_write(line.common());  // while there is little memory to be forked
  std::vector<std::vector<Suspect>> before;
  std::optional<HeapSummary> first;
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i + 1 < targets.size(); ++i) {
    CommonOptions common = line.common();
    common.target = targets[i];
    common.more_follow = true;
    if (again) std::this_thread::sleep_until(began + static_cast<long long>(i) * interval);
    LeakContext look(common);
    if (again && !look.heap().target().runs())
      throw Error(ErrorKind::kUsage,
                  "there is one moment in " + look.heap().target().name() + ": it will not grow",
                  "give a later one too: heapglass leaks OLD NEW");
    before.push_back(find_suspects(look.search()));
    if (thresholds && i == 0) first = summarize(look.heap(), {.identities = false});
  }
  CommonOptions common = line.common();
  common.target = targets.back();
  if (again) std::this_thread::sleep_until(began + (looks - 1) * interval);
  LeakContext look(common);
  const Heap& s = look.heap();
  std::vector<Suspect> suspects = find_suspects(look.search());
  annotate_growth(suspects, before);

  std::vector<std::string> reasons;
  if (thresholds) {
    const HeapSummary last = summarize(s, {.identities = false});
    reasons = thresholds.exceeded(first ? *first : last, last);
  }
  const int code = reasons.empty() ? kExitDone : kExitExceeded;
  Document document;
  const std::size_t shown = most ? std::min(most, suspects.size()) : suspects.size();
  if (picture) {
    if (suspects.empty())
      throw Error(ErrorKind::kUsage,
                  "there is nothing to draw: nothing in " + s.target().name() + " looks like a leak");
    document.sections.push_back(draw(look, suspects, shown, most_nodes));
    write_answer(s, std::move(document), line.common());
    return code;
  }
  if (thresholds) {
    List told;
    for (const std::string& reason : reasons) told.push_back(reason);
    document.fields.push_back({{"exceeded", "", Kind::kText, Audience::kPrograms}, std::move(told)});
  }
  document.fields.push_back(
      {{"heap_bytes", "", Kind::kBytes, Audience::kPrograms}, look.search().heap_bytes()});
  Table table = table_of(suspects, shown, look.search());
  add_allocation_lines(look, suspects, table);
  if (suspects.empty()) table.notes.push_back("nothing looks like a leak");
  constexpr std::uint64_t kMuch = 20;  // a twentieth of the heap
  const bool grows = !suspects.empty() && suspects[0].growth;
  if (!suspects.empty() && !grows && std::all_of(suspects.begin(), suspects.end(), [&](const Suspect& each) {
        return each.bytes < look.search().heap_bytes() / kMuch;
      }))
    table.notes.push_back(
        "none of these has a twentieth of the memory: repeat this when the process has grown, with --every "
        "10m");
  if (shown < suspects.size())
    table.notes.push_back(std::to_string(suspects.size() - shown) + " more suspects: --limit 0 shows all");
  document.sections.push_back(std::move(table));
  write_answer(s, std::move(document), line.common());
  return code;
}

}  // namespace heapglass
