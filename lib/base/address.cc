#include "lib/base/address.h"

#include <cinttypes>
#include <cstdio>

namespace heapglass {

std::string to_hex(Address a) {
  char text[2 + 16 + 1];
  std::snprintf(text, sizeof text, "0x%" PRIx64, value(a));
  return text;
}

}  // namespace heapglass
