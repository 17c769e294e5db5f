// A heap saved as a snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/heap/heap.h"

namespace heapglass {

class Metadata;
class SnapshotWriter;

// All that a snapshot of this capture has, opened with HeapNeeds::to_save, but `metadata`, to which this
// adds: the caller saves it. The heap lives until `writer` has written.
void save_heap(const Heap& heap, SnapshotWriter& writer, Metadata& metadata);

// From here on, and instead of what was recorded before, records single words.
void record_by_word(Heap& heap);

// Makes equal numbers for equal values, to be saved in place of the values; `policy` says so: "hashed" and
// the key's name.
void hash_values(Heap& heap, const std::function<std::uint64_t(std::string_view)>& hash, std::string policy);

}  // namespace heapglass
