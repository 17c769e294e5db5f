#include <cstdint>

#include "platform/targets/core_exercise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)heapglass::exercise_core(std::as_bytes(std::span(data, size)));
  return 0;
}
