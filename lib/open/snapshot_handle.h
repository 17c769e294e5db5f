// A snapshot that was opened while heapglass had its rights, to be decoded without them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lib/snapshot/snapshot_file.h"
#include "platform/files/regular_file.h"

namespace heapglass {

struct SnapshotHandle {
  std::string path;
  std::shared_ptr<const RegularFile> file;
  std::uint64_t memory = 0;  // that there was for it, in bytes
};

// Throws as RegularFile does.
SnapshotHandle open_handle(const std::string& path);

// Throws Error kFile where its ends are damaged, or it takes more memory than there was.
std::shared_ptr<const SnapshotFile> snapshot_file(const SnapshotHandle& handle);

}  // namespace heapglass
