// Any bytes as a file with the key of hashes.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "lib/base/error.h"
#include "lib/open/hash_key_file.h"
#include "platform/process/process.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  const FileDescriptor file(memfd_create("fuzz", MFD_CLOEXEC));
  fchmod(file.get(), 0600);
  if (write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  try {
    const HashKey key = key_of_file("/proc/self/fd/" + std::to_string(file.get()));
    if (size != 2 * sizeof key + 1 || name_of_key(key).size() != 16) __builtin_trap();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kFile) __builtin_trap();
  }
  return 0;
}
