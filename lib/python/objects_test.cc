#include "lib/python/objects.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "lib/python/builtin_layouts.h"

namespace heapglass {
namespace {

// The structs of a release as a build with Py_TRACE_REFS has them (3.7's Py_DEBUG, 3.8 to 3.12 with
// --with-trace-refs, CPython Include/object.h: _PyObject_HEAD_EXTRA): two pointers, _ob_next and _ob_prev, in
// front of every object's count. No interpreter that the tests run on is built so.
class TraceRefs final : public StructSource {
 public:
  explicit TraceRefs(const StructSource& plain) : plain_(plain) {}
  const StructLayout* find(std::string_view name) const override {
    const StructLayout* plain = plain_.find(name);
    if (!plain || name == "PyGC_Head" || name.starts_with("PyDictKeys")) return plain;
    auto [at, is_new] = shifted_.try_emplace(std::string(name), *plain);
    if (is_new) {
      at->second.size += 16;
      for (auto& [path, field] : at->second.fields) field.offset += 16;
    }
    return &at->second;
  }
  std::string description() const override { return "with Py_TRACE_REFS"; }

 private:
  const StructSource& plain_;
  mutable std::map<std::string, StructLayout, std::less<>> shifted_;
};

// Words of memory at an address of the target.
struct Words {
  Words() : bytes(std::make_shared<std::vector<std::uint64_t>>(512)) {}
  void set(std::uint64_t at, std::uint64_t word) { (*bytes)[(at - kStart) / 8] = word; }
  static constexpr std::uint64_t kStart = 0x10000;
  std::shared_ptr<std::vector<std::uint64_t>> bytes;
};

TEST(Objects, ReadsHeadersOfTraceRefsBuilds) {
  const auto plain = builtin_layout(hexversion_of(3, 8, 18) | 0xf0, false);
  ASSERT_NE(plain, nullptr);
  const auto source = std::make_shared<TraceRefs>(*plain);
  PyRuntime python;
  python.hexversion = hexversion_of(3, 8, 18);
  ASSERT_TRUE(rules_for(python.hexversion, python.rules));
  python.layout = load_layout(LayoutSources({source})).layout;
  EXPECT_EQ(python.layout.PyObject.ob_refcnt, 16);
  EXPECT_EQ(python.layout.PyObject.ob_type, 24);

  constexpr std::uint64_t type = 0x10100, str_type = 0x10400, text = 0x10800;
  Words words;
  auto header = [&](std::uint64_t object, std::uint64_t next, std::uint64_t previous, std::uint64_t count,
                    std::uint64_t its_type) {
    words.set(object, next);
    words.set(object + 8, previous);
    words.set(object + 16, count);
    words.set(object + 24, its_type);
  };
  header(type, str_type, text, 7, type);
  header(str_type, text, type, 5, type);
  words.set(str_type + 16 + 168, kTpUnicodeSubclass);  // tp_flags
  header(text, type, str_type, 3, str_type);
  words.set(text + 32, 5);                         // length
  words.set(text + 48, 1 << 2 | 1 << 5 | 1 << 6);  // state: one byte a character, compact, ASCII
  words.set(text + 64, 0x6f6c6c6568);              // "hello", behind PyASCIIObject

  Image image;
  image.add({.start = Address{Words::kStart},
             .size = words.bytes->size() * 8,
             .bytes = reinterpret_cast<const std::byte*>(words.bytes->data()),
             .heap = true},
            words.bytes);
  image.seal();
  const Objects objects(image, python);
  EXPECT_EQ(objects.refcount(Address{text}), 3u);
  EXPECT_EQ(objects.type_of(Address{text}), Address{str_type});
  EXPECT_EQ(objects.type_of(Address{type}), Address{type});
  EXPECT_EQ(objects.str(Address{text}), "hello");
}

}  // namespace
}  // namespace heapglass
