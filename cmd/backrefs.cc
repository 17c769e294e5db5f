// heapglass backrefs and refs: the graph around some objects.
#include <algorithm>
#include <unordered_set>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/heap/objgraph_walk.h"
#include "lib/open/open_heap.h"
#include "lib/python/collector_lists.h"
#include "lib/render/formats.h"
#include "lib/report/graph_drawer.h"
#include "lib/report/write_answer.h"
#include "lib/tracemalloc/allocation_sites.h"

namespace heapglass {
namespace {

struct GraphOptions {
  std::vector<std::string> types;
  std::vector<Address> ids, ignored;
  int max_depth = 3;
  std::size_t too_many = 10, limit = 3;
  std::optional<std::size_t> max_nodes;
  std::optional<Expression> filter, highlight, stop_at;
  PictureStyle style = PictureStyle::kDefault;
  std::string extra_info;
  bool force = false, refcounts = false, short_names = false, long_names = false;
};

void declare(CommandLine& line, GraphOptions& o, bool holders) {
  line.option("type", &o.types, "NAME",
              "start at objects of this type, module.qualname or the bare name; can be repeated");
  line.option("id", &o.ids, "start at the object at this address; can be repeated");
  line.count("limit,n", &o.limit, 1, 1'000'000, "start at N objects of each type (default 3)");
  line.count("max-depth", &o.max_depth, 0, 1000, "follow N references from each start (default 3)");
  line.count("too-many", &o.too_many, 0, 1'000'000,
             "draw N neighbours of an object and count the others (default 10)");
  line.count("max-nodes", &o.max_nodes, 1, 1'000'000,
             "draw at most N objects and count the others (default 200; no limit in objgraph's style)");
  line.option("filter", &o.filter,
              "draw only objects for which EXPR is true: see heapglass help expressions");
  line.option("extra-ignore", &o.ignored, "leave out the object at this address; can be repeated");
  line.option("highlight", &o.highlight, "mark the objects for which EXPR is true");
  line.option("stop-at", &o.stop_at,
              holders ? "do not follow objects for which EXPR is true (default: proper_module, modules that "
                        "sys.modules has)"
                      : "do not follow objects for which EXPR is true");
  line.option(
      "extra-info", &o.extra_info, "WHAT,...",
      "print in each node its size, retained size, refcount, id, length, or the site that allocated it (site "
      "needs a target that traces with tracemalloc)");
  line.flag("refcounts", &o.refcounts, "print each object's reference count behind its type");
  line.flag("shortnames", &o.short_names, "print types without their module");
  line.flag("longnames", &o.long_names, "print types with their module");
  line.choice<PictureStyle>(
      "style", &o.style, {{"default", PictureStyle::kDefault}, {"objgraph", PictureStyle::kObjgraph}}, "NAME",
      "default, or objgraph: the nodes, edges, labels and colours that objgraph would draw");
  line.flag("force", &o.force, "draw even a picture that is too large to read");
}

// The first N of each type asked for, and all that were asked for by id.
std::vector<NodeId> starts_of(const Heap& heap, const GraphOptions& o, std::vector<std::string>& notes) {
  const std::size_t most = o.limit;
  std::vector<NodeId> starts = heap.select({}, o.ids);
  for (const std::string& type : o.types) {
    const std::vector<NodeId> found = heap.select({type}, {});
    starts.insert(starts.end(), found.begin(),
                  found.begin() + static_cast<std::ptrdiff_t>(std::min(most, found.size())));
    if (found.size() > most)
      notes.push_back("starting at " + std::to_string(most) + " of " + std::to_string(found.size()) +
                      " objects of type " + type + ": --limit N takes more");
  }
  return starts;
}

std::vector<std::uint32_t> collector_order(const Heap& s) {
  std::vector<std::uint32_t> order(s.graph().nodes(), CollectorNeighbours::kNotListed);
  std::uint32_t next = 0;
  ReadErrors health;
  for (const PyInterpreter& interpreter : s.interpreters())
    each_tracked(
        s.objects(), interpreter,
        [&](Address a) {
          const NodeId n = s.graph().index->find(a);
          if (n != kNoNode) order[index(n)] = next++;
        },
        health, false);
  return order;
}

std::string title_of(const Heap& heap, const GraphOptions& o, bool holders) {
  std::string what;
  auto add = [&](const std::string& name) { what += (what.empty() ? "" : ", ") + name; };
  for (const std::string& type : o.types) add(type);
  for (const Address a : o.ids) {
    const HeapGraph& graph = heap.graph();
    add(graph.types[graph.type[index(graph.index->find(a))]].name + " " + to_hex(a));
  }
  return (holders ? "Who holds " : "What is held by ") + what + " in " + heap.target().name();
}

int run_graph(const std::vector<std::string>& arguments, bool holders) {
  CommandLine line(holders ? "backrefs" : "refs",
                   holders ? "who holds some objects, as a graph" : "whom some objects hold, as a graph");
  GraphOptions o;
  declare(line, o, holders);
  if (holders) o.stop_at.emplace(Expression::parse("proper_module", "--stop-at"));
  if (!line.parse(arguments)) return kExitDone;
  if (o.types.empty() && o.ids.empty())
    throw Error(ErrorKind::kUsage,
                std::string(holders ? "backrefs" : "refs") + " needs at least one object to start from",
                "give --type NAME or --id ADDRESS");
  if (o.short_names && o.long_names)
    throw Error(ErrorKind::kUsage, "--shortnames and --longnames exclude each other");
  CommonOptions& common = line.common();
  if (common.format.empty() && !common.output.empty() && common.output != "-" &&
      common.output.find('.', common.output.rfind('/') + 1) != std::string::npos &&
      !format_of_file(common.output)) {
    find_format(common.output.substr(common.output.rfind('.') + 1));  // throws, and lists what there is
  }
  const PictureStyle style = o.style;
  const bool objgraph = style == PictureStyle::kObjgraph;
  NeighbourhoodOptions how{.referrers = holders, .max_depth = o.max_depth, .too_many = o.too_many};
  if (o.force || objgraph) how.most_nodes = 1'000'000;
  if (o.max_nodes) how.most_nodes = *o.max_nodes;
  const std::optional<Expression>&filter = o.filter, &highlight = o.highlight, &stop_at = o.stop_at;
  const std::unordered_set<Address> ignored(o.ignored.begin(), o.ignored.end());
  DrawOptions looks{.style = style, .refcounts = o.refcounts, .extra_info = parse_extra_info(o.extra_info)};
  looks.long_names = objgraph ? o.long_names : !o.short_names;

  const auto heap = open_heap(common, {});
  std::vector<std::string> notes;
  const std::vector<NodeId> starts = starts_of(*heap, o, notes);
  Labels& labels = heap->labels();
  const ObjectView& values = heap->view();
  const auto& extra = looks.extra_info;
  std::optional<AllocationSites> sites;
  if (std::find(extra.begin(), extra.end(), ExtraInfo::kSite) != extra.end()) {
    sites.emplace(*heap);
    if (const std::string why = sites->why_none(); !why.empty()) notes.push_back(why);
    looks.site = [&](NodeId n) { return sites->line_of(n); };
  }
  auto matches = [&](const std::optional<Expression>& e, NodeId n) {
    return e->matches(values, labels.address(n));
  };
  if (stop_at) how.stop_at = [&](NodeId n) { return matches(stop_at, n); };
  // objgraph ignores its own lists, and its default for extra_ignore is (): there is one empty tuple only.
  const bool no_empty_tuple = objgraph && o.ignored.empty();
  if (filter || no_empty_tuple || !ignored.empty())
    how.ignore = [&](NodeId n) {
      if (no_empty_tuple && labels.type_of(n).name == "builtins.tuple" &&
          values.length(labels.address(n)) == 0)
        return true;
      return ignored.count(labels.address(n)) > 0 || (filter && !matches(filter, n));
    };
  if (highlight) looks.highlight = [&](NodeId n) { return matches(highlight, n); };
  if (holders && !objgraph) how.rank = rank_by_module(labels);

  const Neighbourhood around =
      objgraph ? objgraph_walk(CollectorNeighbours(heap->graph(), heap->referrers(), collector_order(*heap)),
                               starts, how)
               : neighbourhood(heap->graph(), heap->referrers(), starts, how);
  GraphDrawer maker(*heap, looks);
  Picture picture = maker.draw(around, title_of(*heap, o, holders), holders, how.max_depth);
  picture.notes = std::move(notes);
  Document document;
  document.sections.push_back(std::move(picture));
  RenderOptions render;
  render.style = style;
  render.force = o.force;
  write_answer(*heap, std::move(document), common, common.output == "-" ? "dot" : "text", render);
  return kExitDone;
}

}  // namespace

int run_backrefs(const std::vector<std::string>& arguments) { return run_graph(arguments, true); }
int run_refs(const std::vector<std::string>& arguments) { return run_graph(arguments, false); }

}  // namespace heapglass
