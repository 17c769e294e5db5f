#include <cstdint>

#include "platform/binaries/elf_exercise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)heapglass::exercise_elf(std::as_bytes(std::span(data, size)));
  return 0;
}
