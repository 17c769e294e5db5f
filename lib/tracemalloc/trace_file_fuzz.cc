// Any bytes as a file of tracemalloc; what was taken for one is written and read again.
#include <sstream>

#include "lib/base/error.h"
#include "lib/tracemalloc/trace_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  try {
    const TraceSnapshot read = read_trace_file({reinterpret_cast<const char*>(data), size}, "fuzz");
    for (const Trace& t : read.traces) {
      const TraceTraceback& from = read.tracebacks.at(t.traceback);
      for (std::uint32_t i = 0; i < from.count; ++i) (void)read.files.at(read.frames.at(from.first + i).file);
    }
    std::ostringstream out;
    write_trace_file(read, out);
    if (read_trace_file(out.str(), "again").traces.size() != read.traces.size()) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}
