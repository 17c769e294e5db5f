#include "lib/python/collector_lists.h"

namespace heapglass {
namespace {

// A ring of GC heads, one of which belongs to no object.
class CollectorList {
 public:
  // A list longer than the memory has room for goes in circles.
  CollectorList(const Objects& objects, Address head)
      : o_(objects),
        gc_(objects.layout().PyGC_Head),
        head_(head),
        most_(o_.image().heap_positions() / 32 + 1) {}

  // False where the list does not close.
  bool each(const std::function<void(Address)>& visit, ReadErrors& health) const {
    // Where it broke off, and before that: an object that is just being added may be linked on one side only.
    Address last = head_, before_last = head_;
    Address node = step(head_, gc_.gc_next);
    for (std::uint64_t n = 0; node != head_; ++n) {
      const std::optional<std::uint64_t> next =
          is_null(node) || n > most_ ? std::nullopt : o_.load<std::uint64_t>(node, gc_.gc_next);
      if (!next) {
        if (back_to(last, before_last, visit) && n <= most_) break;
        health.skip(Skip::kBrokenList, node);
        return false;
      }
      visit(object_of(node));
      before_last = last;
      last = node;
      node = Address{*next & ~kMarks};
    }
    return true;
  }

 private:
  // An object comes onto a list in four writes (_PyObject_GC_TRACK, pycore_object.h), and the process may
  // stand between any two of them; _gc_prev still tells what there is beyond. False where it leads to neither
  // of both.
  bool back_to(Address last, Address before_last, const std::function<void(Address)>& visit) const {
    if (gc_.gc_prev == kAbsent) return false;
    Address node = step(head_, gc_.gc_prev);
    for (std::uint64_t n = 0; node != last && node != before_last; ++n) {
      if (node == head_ || is_null(node) || n > most_ || !o_.load<std::uint64_t>(node, gc_.gc_prev))
        return false;
      visit(object_of(node));
      node = step(node, gc_.gc_prev);
    }
    return true;
  }
  // The low bits of _gc_next and _gc_prev are the collector's marks.
  Address step(Address node, std::int32_t link) const {
    return Address{value(o_.pointer(node, link)) & ~kMarks};
  }
  Address object_of(Address node) const { return node + static_cast<std::uint64_t>(gc_.size); }

  static constexpr std::uint64_t kMarks = 3;

  const Objects& o_;
  const decltype(PyLayout::PyGC_Head)& gc_;
  const Address head_;
  const std::uint64_t most_;
};

}  // namespace

bool each_tracked(const Objects& o, const PyInterpreter& interpreter,
                  const std::function<void(Address)>& visit, ReadErrors& health, bool frozen) {
  const PyLayout& l = o.layout();
  const auto& gc = l.gc_runtime_state;
  std::vector<Address> heads;
  // generation0 points at the first head: it says where the array is better than any offset (3.13.0
  // and 3.13.18 differ by four bytes).
  Address generations = gc.generation0 != kAbsent ? o.pointer(interpreter.gc, gc.generation0) : Address{};
  if (is_null(generations) && gc.generations != kAbsent)
    generations = interpreter.gc + static_cast<std::uint64_t>(gc.generations);
  if (!is_null(generations))
    for (std::uint64_t i = 0; i < 3; ++i)
      heads.push_back(generations + i * static_cast<std::uint64_t>(l.gc_generation.size));
  if (frozen && gc.permanent_generation != kAbsent)
    heads.push_back(interpreter.gc + static_cast<std::uint64_t>(gc.permanent_generation));
  bool closed = true;
  for (const Address head : heads) closed &= CollectorList(o, head).each(visit, health);
  return closed;
}

bool is_tracked(const Objects& o, Address object, const TypeInfo& type) {
  if (!type.has_gc) return false;
  if (type.flags & kTpTypeSubclass && !(o.type_flags(object) & kTpHeapType)) return false;
  const PyLayout& l = o.layout();
  const Address head = object - static_cast<std::uint64_t>(l.PyGC_Head.size);
  if (l.PyGC_Head.gc_refs != kAbsent) {  // 3.7: _PyGC_REFS_UNTRACKED is -2
    const auto refs = o.load<std::int64_t>(head, l.PyGC_Head.gc_refs);
    return refs && *refs >> 1 != -2;
  }
  return o.load<std::uint64_t>(head, l.PyGC_Head.gc_next).value_or(0) != 0;
}

}  // namespace heapglass
