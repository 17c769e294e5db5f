// heapglass backrefs and refs: the graph around some objects.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "cmd/allocation_sites.h"
#include "cmd/graph_drawer.h"
#include "cmd/retained_sizes.h"
#include "cmd/session.h"
#include "lib/analysis/objgraph_walk.h"
#include "lib/base/choices.h"
#include "lib/base/error.h"
#include "lib/render/formats.h"

namespace heapglass {
namespace {

struct GraphOptions {
  std::vector<std::string> types, ids, ignored;
  std::string max_depth = "3", too_many = "10", limit = "3", max_nodes, style = "default";
  std::string filter, highlight, stop_at, extra_info;
  bool force = false, refcounts = false, short_names = false, long_names = false;
};

void declare(CommandLine& line, GraphOptions& o, bool holders) {
  auto add = line.own().add_options();
  add("type", options::value(&o.types)->value_name("NAME"),
      "start at objects of this type, module.qualname or the bare name; can be repeated");
  add("id", options::value(&o.ids)->value_name("ADDRESS"),
      "start at the object at this address; can be repeated");
  add("limit,n", options::value(&o.limit)->value_name("N"), "start at N objects of each type (default 3)");
  add("max-depth", options::value(&o.max_depth)->value_name("N"),
      "follow N references from each start (default 3)");
  add("too-many", options::value(&o.too_many)->value_name("N"),
      "draw N neighbours of an object and count the others (default 10)");
  add("max-nodes", options::value(&o.max_nodes)->value_name("N"),
      "draw at most N objects and count the others (default 200; no limit in objgraph's style)");
  add("filter", options::value(&o.filter)->value_name("EXPR"),
      "draw only objects for which EXPR is true: see heapglass help expressions");
  add("extra-ignore", options::value(&o.ignored)->value_name("ADDRESS"),
      "leave out the object at this address; can be repeated");
  add("highlight", options::value(&o.highlight)->value_name("EXPR"),
      "mark the objects for which EXPR is true");
  add("stop-at", options::value(&o.stop_at)->value_name("EXPR"),
      holders ? "do not follow objects for which EXPR is true (default: proper_module, modules that "
                "sys.modules has)"
              : "do not follow objects for which EXPR is true");
  add("extra-info", options::value(&o.extra_info)->value_name("WHAT,..."),
      "print in each node its size, retained size, refcount, id, length, or the site that allocated it (site "
      "needs a target that traces with tracemalloc)");
  add("refcounts", options::bool_switch(&o.refcounts), "print each object's reference count behind its type");
  add("shortnames", options::bool_switch(&o.short_names), "print types without their module");
  add("longnames", options::bool_switch(&o.long_names), "print types with their module");
  add("style", options::value(&o.style)->value_name("NAME"),
      "default, or objgraph: the nodes, edges, labels and colours that objgraph would draw");
  add("force", options::bool_switch(&o.force), "draw even a picture that is too large to read");
}

PictureStyle parse_style(const std::string& text) {
  return parse_choice("--style", text, {"default", "objgraph"}) ? PictureStyle::kObjgraph
                                                                : PictureStyle::kDefault;
}

// The first N of each type asked for, and all that were asked for by id.
std::vector<NodeId> starts_of(const Session& session, const GraphOptions& o,
                              std::vector<std::string>& notes) {
  const auto most = static_cast<std::size_t>(parse_count("--limit", o.limit, 1, 1'000'000));
  std::vector<NodeId> starts = session.select({}, o.ids);
  for (const std::string& type : o.types) {
    const std::vector<NodeId> found = session.select({type}, {});
    starts.insert(starts.end(), found.begin(),
                  found.begin() + static_cast<std::ptrdiff_t>(std::min(most, found.size())));
    if (found.size() > most)
      notes.push_back("starting at " + std::to_string(most) + " of " + std::to_string(found.size()) +
                      " objects of type " + type + ": --limit N takes more");
  }
  return starts;
}

// The globals of a module are held by each of its functions: of those that says nothing, the module says it.
auto rank_by_module(const Labels& labels) {
  return [&labels, known = std::unordered_map<std::uint32_t, bool>()](NodeId held, NodeId holder) mutable {
    if (labels.type_of(holder).body == TraverseRule::kModule) return 0;
    if (labels.type_of(holder).name != "builtins.function") return 1;
    const auto [at, is_new] = known.try_emplace(index(held), false);
    if (is_new)
      for (const NodeId n : labels.referrers().of(held))
        at->second |= labels.type_of(n).body == TraverseRule::kModule;
    return at->second ? -1 : 2;
  };
}

std::vector<std::uint32_t> collector_order(Session& s) {
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

std::string title_of(const Session& session, const GraphOptions& o, bool holders) {
  std::string what;
  auto add = [&](const std::string& name) { what += (what.empty() ? "" : ", ") + name; };
  for (const std::string& type : o.types) add(type);
  for (const std::string& id : o.ids) {
    const HeapGraph& graph = session.graph();
    const Address a = parse_address(id);
    add(graph.types[graph.type[index(graph.index->find(a))]].name + " " + to_hex(a));
  }
  return (holders ? "Who holds " : "What is held by ") + what + " in " + session.target().name();
}

int run_graph(const std::vector<std::string>& arguments, bool holders) {
  CommandLine line(holders ? "backrefs" : "refs",
                   holders ? "who holds some objects, as a graph" : "whom some objects hold, as a graph");
  GraphOptions o;
  declare(line, o, holders);
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
  const PictureStyle style = parse_style(o.style);
  const bool objgraph = style == PictureStyle::kObjgraph;
  NeighbourhoodOptions how{.referrers = holders};
  how.max_depth = static_cast<int>(parse_count("--max-depth", o.max_depth, 0, 1000));
  how.too_many = static_cast<std::size_t>(parse_count("--too-many", o.too_many, 0, 1'000'000));
  if (o.force || objgraph) how.most_nodes = 1'000'000;
  if (!o.max_nodes.empty())
    how.most_nodes = static_cast<std::size_t>(parse_count("--max-nodes", o.max_nodes, 1, 1'000'000));
  const auto filter = parse_expression(o.filter, "--filter"),
             highlight = parse_expression(o.highlight, "--highlight");
  const auto stop_at =
      parse_expression(o.stop_at.empty() && holders ? "proper_module" : o.stop_at, "--stop-at");
  std::unordered_set<std::uint64_t> ignored;
  for (const std::string& id : o.ignored) ignored.insert(value(parse_address(id)));
  DrawOptions looks{.style = style, .refcounts = o.refcounts, .extra_info = parse_extra_info(o.extra_info)};
  looks.long_names = objgraph ? o.long_names : !o.short_names;

  const auto session = Session::open(common, {});
  std::vector<std::string> notes;
  const std::vector<NodeId> starts = starts_of(*session, o, notes);
  const Referrers referrers = reverse(session->graph());
  Labels labels(session->types(), session->graph(), referrers);
  ObjectView values(session->types(), session->graph(), session->interpreters());
  const auto& extra = looks.extra_info;
  if (uses_retained({&filter, &highlight, &stop_at}) ||
      std::find(extra.begin(), extra.end(), ExtraInfo::kRetained) != extra.end())
    enable_retained_sizes(values, *session);
  std::optional<AllocationSites> sites;
  if (std::find(extra.begin(), extra.end(), ExtraInfo::kSite) != extra.end()) {
    sites.emplace(*session);
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
      return ignored.count(value(labels.address(n))) > 0 || (filter && !matches(filter, n));
    };
  if (highlight) looks.highlight = [&](NodeId n) { return matches(highlight, n); };
  if (holders && !objgraph) how.rank = rank_by_module(labels);

  const Neighbourhood around =
      objgraph ? objgraph_walk(CollectorNeighbours(session->graph(), referrers, collector_order(*session)),
                               starts, how)
               : neighbourhood(session->graph(), referrers, starts, how);
  GraphDrawer maker(*session, labels, values, looks);
  Picture picture = maker.draw(around, title_of(*session, o, holders), holders, how.max_depth);
  picture.notes = std::move(notes);
  Document document;
  document.sections.push_back(std::move(picture));
  RenderOptions render;
  render.style = style;
  render.force = o.force;
  session->write(std::move(document), common, common.output == "-" ? "dot" : "text", render);
  return kExitDone;
}

}  // namespace

int run_backrefs(const std::vector<std::string>& arguments) { return run_graph(arguments, true); }
int run_refs(const std::vector<std::string>& arguments) { return run_graph(arguments, false); }

}  // namespace heapglass
