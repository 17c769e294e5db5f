// The binary of a made-up heap, for tests and fuzz targets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/python/fake_heap.h"
#include "lib/target/binary.h"

namespace heapglass {

// libpython3.8.so.1.0 around a made-up heap.
class FakeBinary final : public Binary, public SymbolSource {
 public:
  FakeBinary(const FakeHeap& heap, std::shared_ptr<const StructSource> structs)
      : heap_(heap), structs_(std::move(structs)) {}
  const std::string& path() const override { return path_; }
  std::string build_id() const override { return {}; }
  const SymbolSource& symbols() const override { return *this; }
  std::optional<Symbol> section(std::string_view) const override { return std::nullopt; }
  bool may_have_structs() const override { return structs_ != nullptr; }
  std::shared_ptr<const StructSource> structs(const std::vector<std::string>&) const override {
    ++read;
    return structs_;
  }
  std::optional<Symbol> find(std::string_view name) const override {
    if (name != "_PyRuntime") return std::nullopt;
    return Symbol{heap_.python.runtime, 0};
  }
  mutable int read = 0;

 private:
  std::string path_ = "/usr/lib/libpython3.8.so.1.0";
  const FakeHeap& heap_;
  const std::shared_ptr<const StructSource> structs_;
};

}  // namespace heapglass
