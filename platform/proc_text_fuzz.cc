// Any bytes as /proc/PID/maps, a status file and a core's notes would have them.
#include <cstdint>
#include <string>

#include "platform/proc_maps.h"
#include "platform/proc_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const Mapping& m : parse_proc_maps(text))
    if (m.end <= m.start || m.path.size() > size) __builtin_trap();
  for (const char* key : {"VmRSS:", "MemAvailable:", "frozen "}) {
    if (line_after(text, key).find('\n') != std::string::npos) __builtin_trap();
    (void)number_after(text, key);
  }
  return 0;
}
