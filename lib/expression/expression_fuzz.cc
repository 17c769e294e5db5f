// Any text as an expression, and what was taken evaluated: on an object that is everything.
#include "lib/expression/expression.h"

namespace {

using namespace heapglass;

struct Everything final : ExpressionObjects {
  ExpressionValue field(Address, ExpressionField f) const override {
    return static_cast<int>(f) < 3 ? ExpressionValue("text") : ExpressionValue(std::int64_t{3});
  }
  bool is_instance(Address, std::string_view type) const override { return type.size() % 2; }
  ExpressionValue value(Address a) const override {
    return heapglass::value(a) % 2 ? ExpressionValue(a) : 2.5;
  }
  Address attribute(Address a, std::string_view name) const override { return a + name.size(); }
  Address item(Address a, const ExpressionValue& key) const override { return a + key.index(); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Expression expression = Expression::parse(text, "--where");
    (void)expression.matches(Everything(), Address{1});
  } catch (const Error& error) {
    // The caret stands on the line that is shown, or right behind it.
    const std::string& detail = error.detail();
    const std::size_t end = detail.rfind('\n');
    if (end == std::string::npos || detail.size() - end - 2 > end) __builtin_trap();
  }
  return 0;
}
