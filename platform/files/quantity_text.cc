#include "platform/files/quantity_text.h"

#include <cstdio>

namespace heapglass {
namespace {

std::string decimal(double number, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f %s", number, unit);
  return text;
}

}  // namespace

std::string as_ms(double ms) { return decimal(ms, "ms"); }
std::string as_mb(std::uint64_t bytes) { return decimal(static_cast<double>(bytes) / 1e6, "MB"); }

}  // namespace heapglass
