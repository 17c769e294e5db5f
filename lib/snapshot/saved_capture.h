// The moment of a snapshot: what the capture told beside the bytes.
#pragma once

#include <memory>

#include "lib/snapshot/facts.h"
#include "lib/target/capture.h"

namespace heapglass {

// Facts capture.*, sections maps.*, os_threads.*, notes.*.
void save_capture(SnapshotWriter& writer, Facts& facts, const Capture& capture);
// Without image and backing.
Capture load_capture(const SnapshotFile& file, const Facts& facts);

}  // namespace heapglass
