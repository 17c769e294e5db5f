// Files of tracemalloc: what Snapshot.dump writes and Snapshot.load reads, pickles of protocol 2 and later.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "lib/tracemalloc/tracemalloc.h"

namespace heapglass {

// For Snapshot.load of the Python that the traces are of. Between 3.8 and 3.9 the module changed what a trace
// has, and cannot read the other's files.
void write_trace_file(const TraceSnapshot& snapshot, std::ostream& out);

// Whether a file's first bytes are a pickle's.
bool is_trace_file(std::string_view begin);
// Of this program, or of Snapshot.dump. Nothing in the file is run: what a trace file does not need is
// refused. `name` is for messages. Throws Error kFile.
TraceSnapshot read_trace_file(std::string_view bytes, const std::string& name);

}  // namespace heapglass
