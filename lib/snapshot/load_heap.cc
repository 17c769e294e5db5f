#include "lib/snapshot/load_heap.h"

#include <stdexcept>

#include "lib/heap/verify.h"
#include "lib/snapshot/saved_capture.h"
#include "lib/snapshot/saved_frames.h"
#include "lib/snapshot/saved_traverse_stats.h"
#include "lib/snapshot/snapshot_target.h"

namespace heapglass {

void load_heap(const SnapshotTarget& snapshot, const LoadOptions& options, HeapParts& p) {
  const Metadata& facts = snapshot.facts();
  p.resolve = facts.text("session.resolve");
  p.why_not_run = facts.text("session.why_not_run");
  p.value_policy = facts.text("values");
  const bool without = p.value_policy == "none";
  if (p.value_policy != "kept")
    p.capture.caveats.push_back(
        {without ? "no-values" : "hashed-values", 0,
         std::string(without ? "this snapshot has no values"
                             : "this snapshot has hashes in place of values") +
             ": texts, numbers and bytes are not shown, and a condition on one holds for no object" +
             (without ? "; equal ones are not looked for" : "")});
  constexpr std::uint64_t kLookedAt = 1 << 20;  // of a value, by conditions
  if (facts.has("values.longest") && facts.number("values.longest") < kLookedAt)
    p.capture.caveats.push_back(
        {"cut-values", facts.number("values.longest"),
         "this snapshot has the first " + std::to_string(facts.number("values.longest")) +
             " bytes of longer values: a condition on the whole of one holds for no object"});
  for (const auto& [name, figure] : kSavedTraverseStats) p.traversed.*figure = facts.number(name);
  p.traversed.ms = facts.real("ran.ms");
  if (options.graph) {
    p.graph = snapshot.graph(options.references);
    ReadErrors counted_already;
    p.graph.roots = graph_roots(*p.graph.index, read_roots(*p.types, p.interpreters, counted_already));
    for (GraphType& type : p.graph.types) {
      type.info = p.types->get(type.address);
      if (!type.info)
        snapshot.file().fail("types.address",
                             "there is no type at " + to_hex(type.address) + " for " + type.name);
    }
    try {
      verify(p.graph);
    } catch (const std::logic_error& wrong) {
      snapshot.file().fail("objects", wrong.what());
    }
    p.report = load_report(snapshot.file(), facts, p.read_errors);
    p.types->set_greenlet_frame(p.report.greenlet_frame);
  }
}

}  // namespace heapglass
