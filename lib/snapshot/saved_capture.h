// The moment of a snapshot: what the capture told beside the bytes.
#pragma once

#include <memory>

#include "lib/heap/address_index.h"
#include "lib/snapshot/metadata.h"
#include "lib/target/capture.h"

namespace heapglass {

// Metadata capture.*, sections maps.*, os_threads.*, notes.*. With `objects_alone`, of a thread's registers
// only those that have the address of one of these objects: another may be a piece of a value.
void save_capture(SnapshotWriter& writer, Metadata& facts, const Capture& capture,
                  const AddressIndex* objects_alone = nullptr);
// Without image and backing.
Capture load_capture(const SnapshotFile& file, const Metadata& facts);

}  // namespace heapglass
