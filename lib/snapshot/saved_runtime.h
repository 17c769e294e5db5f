// The interpreter as a snapshot has it: which one, and how its structs lie.
#pragma once

#include <memory>

#include "lib/python/runtime.h"
#include "lib/snapshot/metadata.h"

namespace heapglass {

// Metadata python.*, sections structs.*.
void save_runtime(SnapshotWriter& writer, Metadata& facts, const PyRuntime& python);
// The same interpreter: its binary has a path and a build-id, but no symbols. Throws Error kFile.
PyRuntime load_runtime(std::shared_ptr<const SnapshotFile> file, const Metadata& facts);

}  // namespace heapglass
