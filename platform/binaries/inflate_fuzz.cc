// Any bytes as a compressed core file: the first byte chooses how.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "lib/base/error.h"
#include "platform/binaries/inflate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  if (size == 0) return 0;
  const FileDescriptor file(memfd_create("fuzz", MFD_CLOEXEC));
  if (write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  try {
    const Compression how = compression_of(data, size);
    (void)(how == Compression::kNone ? copy_to_memory(file.get(), "fuzz")
                                     : inflate_to_memory(file.get(), "fuzz", how));
  } catch (const Error& error) {
    if (std::string(error.what()).empty()) __builtin_trap();
  }
  return 0;
}
