#include "lib/open/snapshot_handle.h"

#include <unistd.h>

#include "platform/process/memory_left.h"

namespace heapglass {

SnapshotHandle open_handle(const std::string& path) {
  return {path, std::make_shared<const RegularFile>(path), memory_left(getpid()).bytes};
}

std::shared_ptr<const SnapshotFile> snapshot_file(const SnapshotHandle& handle) {
  const auto file = handle.file;
  const SnapshotSource source{
      file->size(), [file](std::uint64_t offset, std::span<std::byte> to) { return file->read(offset, to); }};
  return std::make_shared<SnapshotFile>(source, handle.path.substr(handle.path.rfind('/') + 1),
                                        handle.memory);
}

}  // namespace heapglass
