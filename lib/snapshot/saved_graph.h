// The heap as a snapshot has it: objects and references as columns.
#pragma once

#include <memory>

#include "lib/heap/builder.h"
#include "lib/snapshot/metadata.h"

namespace heapglass {

// Sections types.*, objects.*, refs.*, roots.*. What is passed lives until the file is written; the graph has
// sizes and references.
void save_graph(SnapshotWriter& writer, TypeTable& types, const HeapGraph& graph);
// The graph without roots, and without the types' `info`: those are found in the memory. `references` false:
// those are passed over. Throws Error kFile where the columns contradict themselves or the memory.
HeapGraph load_graph(const SnapshotFile& file, std::shared_ptr<const Image> image, bool references);

// What is not exact in the graph. Metadata report.*, skipped.*, sections unresolved.*, distrusted.*.
void save_report(SnapshotWriter& writer, Metadata& facts, const BuildReport& report,
                 const ReadErrors& health);
BuildReport load_report(const SnapshotFile& file, const Metadata& facts, ReadErrors& health);

}  // namespace heapglass
