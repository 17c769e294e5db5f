// Exceptions that are kept, and with them their tracebacks, every frame on them and all its local variables.
#include <algorithm>

#include "lib/leaks/chains.h"
#include "lib/leaks/detectors.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

bool is_traceback(const TypeInfo& type) { return type.name == "builtins.traceback"; }

struct TracebackFrames {
  std::uint64_t count = 0;
  NodeId largest = kNoNode;  // that keeps most
  NodeId last = kNoNode;     // where it was raised
};

TracebackFrames frames_of(const LeakSearch& search, NodeId traceback) {
  constexpr std::uint64_t kMost = 1000;
  TracebackFrames frames;
  while (traceback != kNoNode && is_traceback(search.type_of(traceback)) && frames.count < kMost) {
    const TypeInfo& type = search.type_of(traceback);
    const NodeId frame =
        search.node(named_field(search.objects(), search.address(traceback), type, "tb_frame"));
    if (frame == kNoNode) break;
    ++frames.count;
    frames.last = frame;
    if (frames.largest == kNoNode ||
        search.dominators().retained_bytes(frame) > search.dominators().retained_bytes(frames.largest))
      frames.largest = frame;
    traceback = search.node(named_field(search.objects(), search.address(traceback), type, "tb_next"));
  }
  return frames;
}

NodeId traceback_of(const LeakSearch& search, NodeId holder) {
  if (is_traceback(search.type_of(holder))) return holder;
  return search.node(
      named_field(search.objects(), search.address(holder), search.type_of(holder), "traceback"));
}

// The local variable of the frame that keeps most.
std::string largest_local(const LeakSearch& search, NodeId frame) {
  std::uint64_t most = 0;
  std::string name;
  for (const NodeId n : search.graph().referents(frame)) {
    const std::uint64_t bytes = search.dominators().retained_bytes(n);
    if (bytes <= most) continue;
    for (const Labels::Label& label : search.labels().between(frame, n))
      if (label.kind == EdgeKind::kLocal) {
        most = bytes;
        name = label.text + " (" + search.type_name(n) + ")";
      }
  }
  return name;
}

}  // namespace

void find_exceptions(const LeakSearch& search, Suspects& found) {
  std::vector<NodeId> holders;
  for (const NodeId n : search.nodes_of([](const TypeInfo& t) { return t.flags & kTpBaseExcSubclass; }))
    if (search.node(named_field(search.objects(), search.address(n), search.type_of(n), "traceback")) !=
        kNoNode)
      holders.push_back(n);
  // Tracebacks that are kept by themselves, as sys.exc_info() gives them.
  for (const NodeId n : search.nodes_of("builtins.traceback")) {
    const auto by = search.labels().referrers().of(n);
    if (std::none_of(by.begin(), by.end(), [&](NodeId h) {
          return is_traceback(search.type_of(h)) || search.type_of(h).flags & kTpBaseExcSubclass;
        }))
      holders.push_back(n);
  }
  // Exceptions that another one keeps, as its __cause__ or __context__ or in a frame of its traceback, are
  // told with that one.
  const Chains chains(search, holders);
  const std::uint64_t much = std::max<std::uint64_t>(32'768, search.heap_bytes() / 300);
  for (const LeakSearch::Group& group : search.group_by_owner(chains.outermost())) {
    if (group.owner == kNoNode) continue;
    // A traceback may be kept elsewhere too, as in sys.last_traceback: it goes with its exception.
    std::vector<NodeId> all = group.members;
    std::uint64_t count = 0;
    for (const NodeId n : group.members) {
      count += chains.length(n);
      if (const NodeId traceback = traceback_of(search, n); traceback != kNoNode) all.push_back(traceback);
    }
    const LeakSearch::Kept kept = search.retained_by_set(all);
    if (kept.bytes < much && count < kManyAlike) continue;
    const NodeId first = group.members[0];
    const TracebackFrames frames = frames_of(search, traceback_of(search, first));
    if (frames.last == kNoNode) continue;
    Suspect s{.pattern = "exception-traceback", .node = group.owner, .bytes = kept.bytes};
    s.objects = count;
    s.certainty = 0.9;
    s.evidence = (s.objects == 1 ? "a kept " : format_count(s.objects) + " kept ") + search.type_name(first) +
                 ", raised at " + search.repr(search.address(frames.last), 100) + "; its traceback keeps " +
                 format_count(frames.count, "frame", "frames") + " and all local variables";
    if (const std::string local = largest_local(search, frames.largest); !local.empty())
      s.evidence += ", most of it " + local + " of " + search.repr(search.address(frames.largest), 100);
    if (count > group.members.size())
      s.evidence += "; " + format_count(count - group.members.size()) +
                    " of them are kept by another one, as its __cause__ or __context__";
    s.cure =
        "Keep str(error) or traceback.format_exc() and not the exception; or traceback.clear_frames(), or "
        "error.with_traceback(None) before it is stored.";
    s.examples.assign(
        group.members.begin(),
        group.members.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(group.members.size(), 3)));
    s.covers = std::move(all);
    found.push_back(std::move(s));
  }
}

}  // namespace heapglass
