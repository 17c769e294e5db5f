// What objects of a graph have in buffers of their own.
#pragma once

#include "lib/heap/heap_graph.h"
#include "lib/python/sizes.h"

namespace heapglass {

// As the graph knows it, where it came out of a snapshot, whose memory may lack what tells; else from the
// memory.
ExternalBytes external_of(const HeapGraph& graph, const Objects& objects, NodeId node);

}  // namespace heapglass
