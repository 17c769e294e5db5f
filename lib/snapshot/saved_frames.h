// Interpreters, their threads and frames, for readers of the file: sections interpreters.*, threads.*,
// frames.*. heapglass itself reads them from the memory again.
#pragma once

#include "lib/python/frames.h"
#include "lib/snapshot/snapshot_writer.h"

namespace heapglass {

void save_interpreters(SnapshotWriter& writer, const std::vector<PyInterpreter>& interpreters);

}  // namespace heapglass
