#include "lib/snapshot/redacted_stacks.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "lib/python/content.h"
#include "lib/python/frame_contents.h"
#include "lib/threads/await_chains.h"
#include "lib/threads/lock_objects.h"

namespace heapglass {
namespace {

// From where a thread stands in its C stack, the words that are the address of an object, and the one in
// front of the futex that it waits on, which is the address of a lock within its object.
void record_c_stack(const ThreadRegisters& thread, const AddressIndex& objects, const Image& unnoted_image,
                    const ReadRecorder& touched) {
  if (is_null(thread.stack_pointer)) return;
  const Address first{value(thread.stack_pointer) & ~std::uint64_t{7}};
  for (std::uint64_t at = 0; at < kNearStack; at += 8) {
    std::uint64_t word = 0;
    if (!unnoted_image.load(first + at, word)) break;
    const bool parked = !is_null(thread.futex) && first + at + 8 == thread.futex;
    if (parked || objects.find(Address{word}) != kNoNode) touched.touch(first + at, 8);
  }
}

}  // namespace

void record_tasks(const Heap& heap) {
  const ObjectView values(heap.types(), heap.graph(), heap.interpreters());
  const std::vector<ThreadView> threads =
      view_threads(values, heap.objects(), heap.interpreters(), heap.capture().threads);
  ReadErrors scratch;
  find_tasks(heap.types(), values, heap.interpreters(), threads, scratch);
}

void record_locks(const Heap& heap, const ReadRecorder& touched) {
  const HeapGraph& graph = heap.graph();
  const std::shared_ptr<Image> image = unrecorded_view(heap.capture().image);
  for (const ThreadRegisters& t : heap.capture().threads) record_c_stack(t, *graph.index, *image, touched);

  const ObjectView values(heap.types(), graph, heap.interpreters());
  const LockObjects locks(values, heap.objects(), heap.interpreters());
  std::vector<char> of_locks(graph.types.size());
  for (std::size_t t = 0; t < graph.types.size(); ++t)
    of_locks[t] = locks.has_kind(graph.types[t].address) ? 1 : 0;
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
    if (!of_locks[graph.type[n]]) continue;
    const Address lock = graph.index->address(NodeId{n});
    const LockKind& kind = *locks.kind_of(lock);
    if (kind.semaphore != kAbsent) heap.objects().pointer(lock, kind.semaphore);
    locks.owner(lock);
    locks.is_locked(lock);
    // The type is of unknown make to us, so that this word was made blank: it is no object's address.
    if (const Address field = locks.handle_field(lock); !is_null(field))
      touched.replace(field, value(heap.objects().pointer(field, 0)));
  }
  // Who is in a `with` block of one, and which variable has it, of the frame's own or of its module: to find
  // that takes the exception table of the code, and what it says of the kinds of its variables.
  const FrameContents contents(heap.types());
  for (const PyInterpreter& interpreter : heap.interpreters())
    for (const PyThread& thread : interpreter.threads)
      for (const PyFrame& frame : thread.frames) {
        contents.stack_of_blocks(frame);
        contents.locals(frame);
        contents.globals(frame);
      }
}

ThreadNumbers::ThreadNumbers(const Heap& heap)
    : image_(unrecorded_view(heap.capture().image)), objects_(*image_, heap.python()) {
  for (const PyInterpreter& interpreter : heap.interpreters())
    for (const PyThread& thread : interpreter.threads) numbers_.insert(thread.thread_id);
}

bool ThreadNumbers::contains(Address object, const TypeInfo& type) const {
  if (type.name != "builtins.int") return false;
  constexpr std::uint64_t kMost = std::uint64_t{3} * 4;  // bytes of the digits of 64 bits
  const auto bytes = value_bytes(objects_, object, type, kMost + 2);
  // The letter, digits of 30 bits in four bytes each, and the sign.
  if (!bytes || bytes->size() < 6 || bytes->size() % 4 != 2 || bytes->back() != '+') return false;
  std::uint64_t number = 0;
  for (std::size_t at = bytes->size() - 1; at > 4; at -= 4) {
    std::uint32_t digit;
    std::memcpy(&digit, bytes->data() + at - 4, sizeof digit);
    number = number << 30 | digit;
  }
  return numbers_.contains(number);
}

}  // namespace heapglass
