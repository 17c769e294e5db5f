// What objects of a graph have in buffers of their own.
#pragma once

#include "lib/heap/heap_graph.h"
#include "lib/python/objects.h"

namespace heapglass {

struct BufferBytes {
  std::uint64_t all = 0;
  std::uint64_t unreported = 0;  // those of them that sys.getsizeof does not count
};

// As the graph knows it, where it came out of a snapshot, whose memory may lack what tells; else what is
// unreported from the graph, and the rest from the memory.
BufferBytes buffers_of(const HeapGraph& graph, const Objects& objects, NodeId node);
// The same of the object at this address, for who goes through all of them.
BufferBytes buffers_of(const HeapGraph& graph, const Objects& objects, NodeId node, Address object);

}  // namespace heapglass
