#include "lib/heap/gc_work_lists.h"

#include <algorithm>

#include "lib/python/collector_lists.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kDeepestStack = 64u << 20;
constexpr std::uint64_t kMarks = 3;  // the low bits of _gc_next are the collector's

}  // namespace

GcWorkLists::GcWorkLists(const std::shared_ptr<const Image>& image, TypeTable& types,
                         std::vector<Address> stack_pointers)
    : image_(*image),
      types_(types),
      cache_(types),
      known_(image),
      steps_left_(image->heap_positions() / 32 + (1 << 20)) {
  for (const Address sp : stack_pointers) {
    const Address start{value(sp) & ~std::uint64_t{7}};
    const Image::Segment* s = image->find(start);
    if (!s) continue;
    stacks_.push_back({start, start + std::min(s->size - (start - s->start), kDeepestStack)});
  }
}

void GcWorkLists::know(Address object) {
  if (const auto bit = known_.bit_of(object)) known_.set(*bit);
}

bool GcWorkLists::on_stack(Address a) const {
  return std::any_of(stacks_.begin(), stacks_.end(),
                     [&](const Stack& s) { return s.start <= a && a < s.end; });
}

bool GcWorkLists::is_tracked_object(Address object) {
  const Objects& o = types_.objects();
  if (!known_.bit_of(object) || o.refcount(object) == 0) return false;
  // Most words of a stack are no objects, and what is no type need not be remembered as that.
  const Address type = o.type_of(object);
  if (is_null(type) || value(type) & 7 || is_null(o.type_of(type))) return false;
  const TypeInfo* info = cache_.get(type);
  return info && is_tracked(o, object, *info);
}

void GcWorkLists::follow(Address head, bool certain, std::vector<Address>& found) {
  const Objects& o = types_.objects();
  const auto& gc = o.layout().PyGC_Head;
  const std::size_t before = found.size();
  const std::uint64_t most = image_.heap_positions() / 32 + 1;
  Address node = head;
  bool ends = false;
  for (std::uint64_t n = 0; n < most && (certain || steps_left_ > 0); ++n) {
    if (!certain) --steps_left_;
    const Address object = node + static_cast<std::uint64_t>(gc.size);
    const auto bit = known_.bit_of(object);
    if (bit && known_.test(*bit)) {
      ends = true;  // on into a list that is known
      break;
    }
    if (!is_tracked_object(object)) {
      ends = on_stack(node);
      break;
    }
    found.push_back(object);
    // A circle without a head, as memory that is no list may have it.
    if (certain) known_.set(*bit);
    node = Address{value(o.pointer(node, gc.gc_next)) & ~kMarks};
    if (node == head) {
      ends = true;
      break;
    }
  }
  if (!certain && !ends) {
    found.resize(before);
    return;
  }
  for (std::size_t i = before; i < found.size(); ++i) know(found[i]);
}

std::vector<Address> GcWorkLists::find(const AddressIndex& marked) {
  const Objects& o = types_.objects();
  const std::uint64_t head_size = static_cast<std::uint64_t>(o.layout().PyGC_Head.size);
  std::vector<Address> found;
  if (!stacks_done_) {
    stacks_done_ = true;
    for (const Stack& stack : stacks_) {
      for (Address at = stack.start; at + 8 <= stack.end; at = at + 8) {
        // The _gc_next of a head; of an empty list it is the head itself.
        std::uint64_t word = 0;
        if (!image_.load(at, word)) break;
        const Address node{word & ~kMarks};
        if (value(node) & 7 || !is_tracked_object(node + head_size)) continue;
        follow(node, false, found);
      }
    }
  }
  marked.each_in_blocks(0, marked.blocks(), [&](Address object) {
    const auto bit = known_.bit_of(object);
    if (!bit || known_.test(*bit) || !is_tracked_object(object)) return;
    const Address head{value(object) - head_size};
    const std::size_t before = found.size();
    follow(head, true, found);
    // The first is marked already.
    if (found.size() > before && found[before] == object)
      found.erase(found.begin() + static_cast<std::ptrdiff_t>(before));
  });
  return found;
}

}  // namespace heapglass
