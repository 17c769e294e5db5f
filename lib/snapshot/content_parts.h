// Where in memory the bytes are that content_rules() are of, object by object.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/snapshot/content_rules.h"

namespace heapglass {

struct Bytes {
  Address start{};
  std::uint64_t count = 0;
};

// From many threads. Nothing that it reads is recorded.
class ContentParts {
 public:
  explicit ContentParts(const Heap& heap);

  using Visit = std::function<void(const ContentRule&, Bytes)>;
  // Calls visit for each part that a rule is of, several times for parts in several places and once for each
  // word of kKeyHashes. `next`: where the next object's block begins, into which no part reaches, whatever a
  // length says.
  void each(std::uint32_t node, Address object, Address next, const Visit& visit,
            std::uint32_t which = kAllRules) const;
  // Is one of these rules of any object of this type of the graph? `which`: a bit for each rule, as
  // rules_of() gives them.
  static constexpr std::uint32_t kAllRules = ~std::uint32_t{0};
  bool has_parts(std::uint32_t type, std::uint32_t which = kAllRules) const {
    return (rules_[type] & which) != 0;
  }

  // Where the block begins that the object is in: with the collector's head and what else is in front.
  Address block_of(std::uint32_t node, Address object) const;
  // Where the first block behind `a` begins; the end of memory where none does.
  Address next_block(Address a) const;

  // The objects of one chunk, ascending, as visit(node, address, next), where has_parts(type, which).
  template <class Chunk, class VisitObject>
  void each_object(const Chunk& chunk, std::uint32_t which, VisitObject visit) const {
    std::uint32_t last = 0;
    Address at{};
    bool waits = false;
    chunk.each([&](std::uint32_t node, Address a) {
      if (waits) visit(last, at, block_of(node, a));
      waits = has_parts(graph_.type[node], which);
      last = node;
      at = a;
    });
    if (waits) visit(last, at, next_block(at));
  }

  const Objects& objects() const { return objects_; }
  const HeapGraph& graph() const { return graph_; }

 private:
  void text(const ContentRule& rule, Address a, Address next, const Visit& visit) const;
  void key_hashes(const ContentRule& rule, Address a, const Visit& visit) const;
  void element_hashes(const ContentRule& rule, Address a, const Visit& visit) const;
  std::uint64_t digits_of(Address a) const;

  const std::shared_ptr<Image> image_;
  const Objects objects_;
  const HeapGraph& graph_;
  std::vector<std::uint32_t> rules_;  // by type of the graph
};

}  // namespace heapglass
