// The memory that a snapshot keeps: written, and read again as an image whose pages come when they are asked
// for.
#pragma once

#include <memory>

#include "lib/heap/heap_graph.h"
#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/snapshot_file.h"
#include "lib/snapshot/snapshot_writer.h"

namespace heapglass {

// Sections memory.*: whole pages, or the words that were read. What is passed lives until the file is
// written.
void save_pages(SnapshotWriter& writer, const Image& image, const ReadRecorder& touched);
void save_words(SnapshotWriter& writer, const Image& image, const ReadRecorder& touched,
                const HeapGraph& graph);

// More than the memory of any machine that a capture could have come from, and little enough that tables for
// it can be made.
constexpr std::uint64_t kMostSnapshotMemory = std::uint64_t{1} << 40;

// Throws Error kFile where the sections contradict themselves, or tell of more than `most_bytes`. A block
// that turns out to be damaged when it is needed is an Error kFile out of the read that needs it.
std::shared_ptr<Image> load_memory(const std::shared_ptr<const SnapshotFile>& file,
                                   std::uint64_t most_bytes = kMostSnapshotMemory);

}  // namespace heapglass
