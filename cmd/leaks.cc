// heapglass leaks: what most likely leaks, who holds it, and what usually helps.
#include <algorithm>

#include "cmd/picture_maker.h"
#include "cmd/wants_picture.h"
#include "cmd/ways_of.h"
#include "cmd/ways_picture.h"
#include "lib/analysis/garbage_options.h"
#include "lib/analysis/suspects/find_suspects.h"
#include "lib/base/error.h"
#include "lib/render/numbers.h"
#include "platform/open_files.h"

namespace heapglass {
namespace {

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
  for (std::size_t i = 0; i < shown; ++i) {
    const Suspect& s = suspects[i];
    const double share = static_cast<double>(s.bytes) / static_cast<double>(search.heap_bytes());
    const std::string suspect = std::to_string(i + 1) + ". " + std::string(s.pattern) + ": " + s.owner +
                                ", " + human_bytes(s.bytes) + " (" + human_percent(share) +
                                " of all objects)";
    table.rows.push_back({std::uint64_t{i + 1}, suspect, std::string(s.pattern), s.owner, s.bytes, share,
                          s.retained, s.objects, s.evidence, s.path, s.cure,
                          s.node == kNoNode ? Cell() : Cell(search.address(s.node))});
  }
  return table;
}

// Who holds the suspects, and a few of what each holds.
Picture draw(Session& s, const LeakSearch& search, const HeapObjects& values,
             const std::vector<Suspect>& suspects, std::size_t shown, std::size_t most) {
  PictureMaker maker(s, search.labels(), values, {});
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
  return draw_ways(maker, ways, "What may leak in " + s.target().name(), most);
}

}  // namespace

int run_leaks(const std::vector<std::string>& arguments) {
  CommandLine line("leaks", "what most likely leaks, who holds it, and what usually helps");
  std::string limit, max_nodes = "200";
  auto add = line.own().add_options();
  add("limit,n", options::value(&limit)->value_name("N"),
      "this many suspects (default 10, in a picture 3), 0: all");
  add("max-nodes", options::value(&max_nodes)->value_name("N"),
      "draw this many objects at most (default 200)");
  if (!line.parse(arguments)) return kExitDone;
  const bool picture = wants_picture(line.common());
  if (limit.empty()) limit = picture ? "3" : "10";
  const auto most = static_cast<std::size_t>(parse_count("--limit", limit, 0, 1'000'000'000));
  const auto most_nodes = static_cast<std::size_t>(parse_count("--max-nodes", max_nodes, 1, 1'000'000));
  const auto session = Session::open(line.common(), {});
  Session& s = *session;
  const Referrers referrers = reverse(s.graph());
  Labels labels(s.types(), s.graph(), referrers);
  const HeapObjects values(s.types(), s.graph(), s.interpreters());
  WaysFromOutside outside(s, labels, values);
  const Ways ways = outside.ways();
  const Dominators dominators(s.graph(), outside.held().held);
  const Garbage garbage = find_garbage(s.graph(), garbage_options(s.types(), s.graph(), s.interpreters()));
  LeakClues clues{.labels = labels,
                  .values = values,
                  .ways = ways,
                  .dominators = dominators,
                  .held = outside.held(),
                  .garbage = garbage,
                  .interpreters = s.interpreters()};
  OpenFiles files;
  if (s.target().runs()) {
    files = read_open_files(s.target().pid());
    clues.most_open_files = files.limit;
    clues.open_file = [&](int fd) {
      const auto at = files.what.find(fd);
      return at == files.what.end() ? std::string() : at->second;
    };
  }
  const LeakSearch search(std::move(clues));
  const std::vector<Suspect> suspects = find_suspects(search);

  Document document;
  const std::size_t shown = most ? std::min(most, suspects.size()) : suspects.size();
  if (picture) {
    if (suspects.empty())
      throw Error(ErrorKind::kUsage,
                  "there is nothing to draw: nothing in " + s.target().name() + " looks like a leak");
    document.sections.push_back(draw(s, search, values, suspects, shown, most_nodes));
    s.write(std::move(document), line.common());
    return kExitDone;
  }
  Table table = table_of(suspects, shown, search);
  if (shown < suspects.size())
    table.notes.push_back(std::to_string(suspects.size() - shown) + " more suspects: --limit 0 shows all");
  document.fields.push_back({{"heap_bytes", "", Kind::kBytes, Audience::kPrograms}, search.heap_bytes()});
  document.sections.push_back(std::move(table));
  s.write(std::move(document), line.common());
  return kExitDone;
}

}  // namespace heapglass
