// Files and sockets that are open and that nobody closes: each takes one of the descriptors that a process
// may have.
#include <algorithm>
#include <map>
#include <set>

#include "lib/leaks/detectors.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kUsualLimit = 1024;

struct Open {
  NodeId node = kNoNode;
  int fd = -1;
};

// The buffers and text layers around a raw file go with it: one or two of a sound file, a ring of a damaged
// one.
void add_layers(const LeakSearch& search, NodeId n, std::vector<NodeId>& into) {
  constexpr std::size_t kMost = 16;
  const std::size_t first = into.size();
  into.push_back(n);
  const auto known = [&](NodeId node) {
    return std::find(into.begin() + static_cast<std::ptrdiff_t>(first), into.end(), node) != into.end();
  };
  for (std::size_t at = first; at < into.size(); ++at)
    for (const NodeId holder : search.labels().referrers().of(into[at])) {
      const std::string& name = search.type_of(holder).name;
      if (name != "_io.TextIOWrapper" && !name.starts_with("_io.Buffered")) continue;
      if (into.size() - first < kMost && !known(holder)) into.push_back(holder);
    }
}

// Who holds it: "app.Reader.file", as far as it is an attribute; else its own type.
std::string holder_in_words(const LeakSearch& search, NodeId n) {
  std::vector<NodeId> layers;
  add_layers(search, n, layers);
  Labels& labels = search.labels();
  for (const NodeId layer : layers)
    for (const NodeId holder : labels.referrers().of(layer)) {
      const bool names = labels.is_namespace(holder);
      if (!names && search.type_of(holder).dict == InstanceDict::kNone &&
          search.type_of(holder).fields.empty())
        continue;
      NodeId object = holder;
      if (names)
        for (const NodeId each : labels.referrers().of(holder))
          if (search.type_of(each).flags & kTpHeapType) object = each;
      if (!(search.type_of(object).flags & kTpHeapType) || search.type_of(object).name.starts_with("_io."))
        continue;
      for (const Labels::Label& label : labels.between(holder, layer))
        if (!label.text.empty()) return search.type_name(object) + "." + label.text;
    }
  return search.type_name(n);
}

std::string descriptors_in_words(const LeakSearch& search, const std::vector<Open>& open) {
  constexpr std::size_t kMost = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(open.size(), kMost); ++i) {
    const std::string what = search.clues().open_file(open[i].fd);
    text += (i ? ", " : "") + std::to_string(open[i].fd) + (what.empty() ? "" : " " + what);
  }
  return text + (open.size() > kMost ? ", ..." : "");
}

void add_suspect(const LeakSearch& search, const LeakSearch::Group& group,
                 const std::map<std::uint32_t, int>& fds, bool sockets, Suspects& found) {
  std::vector<Open> open;
  std::vector<NodeId> all;
  std::set<int> seen;
  std::uint64_t known = 0;
  for (const NodeId n : group.members) {
    const int fd = fds.at(index(n));
    if (!seen.insert(fd).second) continue;
    open.push_back({n, fd});
    add_layers(search, n, all);
    known += !search.clues().open_file(fd).empty();
  }
  std::sort(open.begin(), open.end(), [](const Open& a, const Open& b) { return a.fd < b.fd; });
  const bool garbage = group.owner == kNoNode;
  if (open.size() < (garbage ? 1 : kManyAlike)) return;
  const std::string what = sockets ? "socket" : "file";
  Suspect s{.pattern = sockets ? "unclosed-socket" : "unclosed-file", .node = group.owner};
  s.bytes = search.retained_by_set(all).bytes;
  s.objects = open.size();
  // What an event loop watches are the connections that there are.
  const std::vector<NodeId> path = garbage ? std::vector<NodeId>() : search.path_to(group.owner);
  s.certainty = garbage ? 0.95 : search.origin_of(path) == Origin::kStandard ? 0.2 : 0.8;
  if (garbage) {
    s.node = open[0].node;
    s.owner = "garbage, " + holder_in_words(search, open[0].node);
    s.path = "nothing from outside leads there: garbage";
  }
  const std::uint64_t limit = search.clues().most_open_files;
  s.share_of_limit = static_cast<double>(open.size()) /
                     static_cast<double>(limit ? std::min(limit, kUsualLimit) : kUsualLimit);
  s.evidence = format_count(open.size(), "open " + what, "open " + what + "s") +
               (garbage ? " that only garbage holds" : "") + ", descriptors " +
               descriptors_in_words(search, open);
  if (limit) s.evidence += "; the process may have " + format_count(limit);
  if (known < open.size() && known > 0)
    s.evidence += "; " + format_count(open.size() - known) + " of them the system does not know any more";
  s.cure = "close() each when it is done with, best by `with`" +
           std::string(sockets ? "; a socket in CLOSE_WAIT was closed by the other side long ago." : ".");
  for (std::size_t i = 0; i < std::min<std::size_t>(3, open.size()); ++i) s.examples.push_back(open[i].node);
  found.push_back(std::move(s));
}

// Is it what a program is made of, and nobody's collection?
bool is_program(const TypeInfo& type) {
  return type.body == TraverseRule::kModule || type.flags & kTpTypeSubclass ||
         type.body == TraverseRule::kFrame;
}

// The group whose collection has an object in itself or in what it has; groups.size(): there is none.
std::size_t group_around(const LeakSearch& search, NodeId n,
                         const std::map<std::uint32_t, std::size_t>& by_owner, std::size_t none) {
  constexpr std::size_t kFarthest = 4, kMostSeen = 200;
  std::vector<NodeId> seen{n};
  std::size_t begin = 0;
  for (std::size_t far = 0; far < kFarthest; ++far) {
    const std::size_t end = seen.size();
    for (; begin < end; ++begin)
      for (const NodeId holder : search.labels().referrers().of(seen[begin])) {
        if (const auto at = by_owner.find(index(holder)); at != by_owner.end()) return at->second;
        if (seen.size() == kMostSeen) return none;
        if (!is_program(search.type_of(holder)) && std::find(seen.begin(), seen.end(), holder) == seen.end())
          seen.push_back(holder);
      }
  }
  return none;
}

// What a frame or a thread has too hangs alone: from there the way is shorter. It is one of a collection all
// the same.
void join_groups(const LeakSearch& search, std::vector<LeakSearch::Group>& groups) {
  std::map<std::uint32_t, std::size_t> by_owner;
  const auto is_alone = [](const LeakSearch::Group& group) {
    return group.members.size() == 1 && group.members[0] == group.owner;
  };
  for (std::size_t i = 0; i < groups.size(); ++i)
    if (groups[i].owner != kNoNode && !is_alone(groups[i])) by_owner.emplace(index(groups[i].owner), i);
  if (by_owner.empty()) return;
  for (LeakSearch::Group& group : groups) {
    if (!is_alone(group)) continue;
    const std::size_t around = group_around(search, group.owner, by_owner, groups.size());
    if (around == groups.size()) continue;
    groups[around].members.push_back(group.owner);
    group.members.clear();
  }
  std::erase_if(groups, [](const LeakSearch::Group& group) { return group.members.empty(); });
  std::stable_sort(groups.begin(), groups.end(), [](const LeakSearch::Group& a, const LeakSearch::Group& b) {
    return a.members.size() > b.members.size();
  });
}

void find_kind(const LeakSearch& search, const std::vector<NodeId>& nodes, std::int32_t field, bool sockets,
               Suspects& found) {
  if (field == kAbsent) return;
  std::map<std::uint32_t, int> fds;
  std::vector<NodeId> open;
  for (const NodeId n : nodes) {
    const auto fd = search.objects().load<std::int32_t>(search.address(n), field);
    if (!fd || *fd <= 2) continue;  // closed, or one of the standard three
    fds[index(n)] = *fd;
    open.push_back(n);
  }
  std::vector<LeakSearch::Group> groups = search.group_by_owner(open);
  join_groups(search, groups);
  for (const LeakSearch::Group& group : groups) add_suspect(search, group, fds, sockets, found);
}

}  // namespace

void find_open_files(const LeakSearch& search, Suspects& found) {
  const PyLayout& l = search.objects().layout();
  find_kind(search, search.nodes_of("_io.FileIO"), l.fileio.fd, false, found);
  const std::vector<NodeId> sockets =
      search.nodes_of([&](const TypeInfo& t) { return search.is_derived(t, "_socket.socket"); });
  find_kind(search, sockets, l.PySocketSockObject.sock_fd, true, found);
}

}  // namespace heapglass
