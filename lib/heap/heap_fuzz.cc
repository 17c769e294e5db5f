// Damaged heaps of every release with a layout of ours: the first byte chooses the release, the rest is
// damage. With HEAPGLASS_FUZZ_COUNTS in the environment the cases of each release are printed at the end.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "lib/heap/heap_exercise.h"
#include "lib/python/fake_damage.h"

namespace {

using heapglass::Damage;
using heapglass::FakeHeap;
using heapglass::HeapReading;

struct Base {
  std::unique_ptr<FakeHeap> heap;
  HeapReading sound;
  std::uint64_t cases = 0;
};

std::vector<Base>& bases() {
  static auto& all = *new std::vector<Base>([] {
    setenv("HEAPGLASS_THREADS", "1", 1);  // threads for so little cost more than they do
    std::vector<Base> made;
    constexpr unsigned kParts = 4;
    for (unsigned i = 0; i < kParts * heapglass::builtin_layout_versions().size(); ++i) {
      const std::uint32_t version = heapglass::builtin_layout_versions()[i / kParts];
      Base base{std::make_unique<FakeHeap>(version, i % kParts, kParts), {}, 0};
      base.sound = heapglass::exercise_heap(base.heap->image, base.heap->python, 1);
      if (!base.sound.is_python || base.sound.losses) std::abort();  // fake_heap_test says what is wrong
      made.push_back(std::move(base));
    }
    if (std::getenv("HEAPGLASS_FUZZ_COUNTS")) {
      std::atexit([] {
        for (const Base& b : bases())
          std::fprintf(stderr, "heap_fuzz: %s %llu cases\n", b.heap->python.version.c_str(),
                       static_cast<unsigned long long>(b.cases));
      });
    }
    return made;
  }());  // not destroyed: the counts are printed after everything
  return all;
}

}  // namespace

// What is freed need not be kept long to be caught: keeping it costs more than all the rest.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=2:thread_local_quarantine_size_kb=64:malloc_context_size=2";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<Base>& all = bases();
  if (size == 0) return 0;
  Base& base = all[data[0] % all.size()];
  ++base.cases;
  const Damage damage(*base.heap, {data + 1, size - 1});
  const HeapReading damaged = heapglass::exercise_heap(base.heap->image, base.heap->python, 3);
  // However it is damaged, a word refers once: what is read is in proportion to what there is.
  if (damaged.references > base.heap->memory().size() / 8 * 4) std::abort();
  return 0;
}
