#include "lib/snapshot/saved_leaked_references.h"

#include <memory>

#include "lib/base/error.h"
#include "lib/snapshot/snapshot_target.h"

namespace heapglass {
namespace {

std::vector<LeakedReferences> load(const SnapshotFile& file, std::uint32_t objects) {
  if (!file.has("lost.object"))
    throw Error(
        ErrorKind::kFile,
        "the snapshot '" + file.name() + "' does not tell what C code has lost: an older heapglass wrote it",
        "take another with this one");
  const auto object = file.column<std::uint32_t>("lost.object");
  const auto references = file.column<std::uint64_t>("lost.references", object.size());
  std::vector<LeakedReferences> lost;
  for (std::size_t i = 0; i < object.size(); ++i) {
    if (object[i] >= objects || (i && object[i] <= object[i - 1]))
      file.fail("lost.object", "an object is not there, or out of order");
    lost.push_back({NodeId{object[i]}, references[i]});
  }
  return lost;
}

}  // namespace

std::vector<LeakedReferences> leaked_references_of(const Heap& heap) {
  if (const SnapshotTarget* const saved = heap.snapshot()) return load(saved->file(), heap.graph().nodes());
  return find_leaked_references(heap.graph(), heap.objects(), heap.capture());
}

void save_leaked_references(SnapshotWriter& writer, const std::vector<LeakedReferences>& lost) {
  const auto rows = std::make_shared<std::vector<LeakedReferences>>(lost);
  writer.column<std::uint32_t>("lost.object", rows->size(), Transform::kDelta,
                               [rows](std::uint64_t i) { return index((*rows)[i].object); });
  writer.column<std::uint64_t>("lost.references", rows->size(), Transform::kNone,
                               [rows](std::uint64_t i) { return (*rows)[i].references; });
}

}  // namespace heapglass
