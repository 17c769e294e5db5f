// The heap of a made-up process: an interpreter, its types and an object or two of every kind that a reader
// of ours knows, laid out as one release of CPython lays them out. For tests and fuzz targets, which damage
// it; no interpreter is needed.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/python/c_types.h"
#include "lib/python/fake_objects.h"
#include "lib/target/image.h"

namespace heapglass {

// The process, ready to be read: `image` shows `memory`, which may be written to.
class FakeHeap : public FakeObjects {
 public:
  // Kinds beyond the core in `parts` heaps: the smaller the heap, the more often it can be read.
  explicit FakeHeap(std::uint32_t hexversion, unsigned part = 0, unsigned parts = 1);

  std::shared_ptr<Image> image = std::make_shared<Image>();
  Address interpreter{};
  std::vector<Address> threads;             // their thread states
  Address a_list() const { return some_; }  // of three, that many refer to
  std::span<std::byte> memory() { return {sealed_.get(), size_}; }
  // The word at an address of `words`, to be changed.
  std::byte* at(Address a) { return sealed_.get() + (a - kStart); }
  std::map<std::string, Address> instances;  // by the name of their type

 private:
  Address instance(const CTypeRow& row);
  void fill_body(Address object, TraverseRule body);
  void fill_module_state(Address state, TraverseRule body);
  Address module(const std::string& name, const Items& items);
  Address code();
  void fill_frame(Address frame, Address code, unsigned owner);
  Address frame_object(Address back);
  void make_core_types();
  void make_python_classes();
  void make_rows(unsigned part, unsigned parts);
  // Has a type of this name a __sizeof__ of its own?
  static bool has_sizeof(std::string_view name);
  void make_threads();
  void track_everything();
  void seal();

  static constexpr std::uint64_t kStructseqTraverse = 0x5000'0040;
  std::vector<Address> loose_;  // what a list of sys holds, so that it is reached
  Address some_, other_;        // objects to point at
  Address code_;
  std::unique_ptr<std::byte[]> sealed_;
  std::size_t size_ = 0;
  std::uint64_t next_traverse_ = 0x5000'1000;
};

}  // namespace heapglass
