// Any bytes as text of the target: what comes out is valid, and steers no terminal.
#include "lib/render/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto check = [](std::string_view out, bool plain) {
    while (!out.empty()) {
      const CodePoint point = decode_utf8(out);
      if (!point.valid || point.surrogate || point.bytes == 0 || (plain && is_hidden(point.value)))
        __builtin_trap();
      out.remove_prefix(point.bytes);
    }
  };
  check(valid_utf8(text), false);
  check(printable(text), true);
  check(cut_middle(printable(text), 20, "..."), true);
  check(cut_end(printable(text), 20, "..."), true);
  (void)display_width(text);
  return 0;
}
