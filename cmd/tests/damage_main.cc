// heapglass_damage PID ROUNDS [SEED]: reads a live process once, then ROUNDS times damages a copy of what was
// captured and reads that: no crash, no hang, no unbounded memory whatever the bytes. For tests; prints the
// seed of a round before it begins, so that the last line names the one that crashed.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "lib/base/error.h"
#include "lib/heap/heap_exercise.h"
#include "lib/memory/glibc/glibc_heap.h"
#include "lib/python/find_runtime.h"
#include "lib/python/pymalloc.h"
#include "lib/tracemalloc/tracemalloc.h"
#include "platform/targets/live_target.h"

namespace heapglass {
namespace {

constexpr unsigned kSecondsARound =
    60;  // many times what a sound heap takes, on a busy machine under sanitizers

struct Change {
  std::byte* at;
  std::uint64_t before;
};

// The allocators' own data, and tracemalloc's.
void exercise_memory(const Capture& capture, const PyRuntime& python, const std::vector<Address>& some) {
  const Objects objects(*capture.image, python);
  ReadErrors health;
  const auto interpreters = read_interpreters(objects, {}, health);
  const Pymalloc pymalloc = read_pymalloc(objects, interpreters, some);
  std::vector<MallocArena::Range> taken;
  for (const Pymalloc::Arena& arena : pymalloc.arenas) {
    taken.push_back({arena.start, arena.size});
    each_part(objects, pymalloc, arena, [](Address, std::uint64_t, std::uint64_t, PymallocPart) {});
  }
  read_glibc_heap(capture, taken);
  read_tracemalloc(objects);
}

int run(pid_t pid, long rounds, std::uint64_t seed) {
  LiveTarget target(pid);
  const PyRuntime python = find_runtime(target.memory(), target.binaries());
  const Capture capture = target.capture({});

  auto image = std::make_shared<Image>();
  std::vector<Image::Segment> heap;
  for (Image::Segment s : capture.image->segments()) {
    if (s.heap) {
      const std::shared_ptr<std::byte[]> copy(new std::byte[s.size]);
      std::memcpy(copy.get(), s.bytes, s.size);
      s.bytes = copy.get();
      image->add(s, std::shared_ptr<void>(copy, copy.get()));
      heap.push_back(s);
    } else {
      image->add(s, nullptr);
    }
  }
  image->seal();
  std::mt19937_64 random(seed);
  const HeapReading whole = exercise_heap(image, python, 1);
  Capture copied;
  copied.image = image;
  copied.mappings = capture.mappings;
  const std::uint32_t step = whole.objects / 300 + 1;
  if (whole.objects == 0) return std::fprintf(stderr, "nothing was read of the sound heap\n"), 1;

  auto writable = [&](Address a) -> std::byte* {
    const std::byte* p = image->at(a, 8);
    const Image::Segment* s = image->find(a);
    return p && s->heap ? const_cast<std::byte*>(p) : nullptr;
  };
  std::uint64_t least = whole.objects;
  for (long round = 0; round < rounds; ++round) {
    const std::uint64_t round_seed = random();
    std::printf("round %ld seed %llu\n", round, static_cast<unsigned long long>(round_seed));
    std::fflush(stdout);
    alarm(kSecondsARound);
    std::mt19937_64 r(round_seed);
    std::vector<Change> changes;
    auto change = [&](std::byte* p, auto how) {
      std::uint64_t w;
      std::memcpy(&w, p, 8);
      changes.push_back({p, w});
      w = how(w);
      std::memcpy(p, &w, 8);
    };
    const unsigned count = 1 + static_cast<unsigned>(r() % 200);
    for (unsigned i = 0; i < count; ++i) {
      std::byte* p = nullptr;
      if (r() % 2) {  // in or right in front of an object: counts, sizes, types, pointers
        p = writable(whole.described[r() % whole.described.size()] + 8 * (r() % 14) - 32);
      } else {
        const Image::Segment& s = heap[r() % heap.size()];
        if (s.size >= 16) p = writable(s.start + r() % (s.size / 8 - 1) * 8);
      }
      if (!p) continue;
      switch (r() % 5) {
        case 0:
          change(p, [&](std::uint64_t w) { return w ^ std::uint64_t{1} << (r() % 64); });
          break;
        case 1:
          change(p, [&](std::uint64_t) { return r(); });
          break;
        case 2:
          change(p,
                 [&](std::uint64_t) { return r() % 2 ? ~std::uint64_t{0} : std::uint64_t{1} << (r() % 63); });
          break;
        case 3:
          change(p, [&](std::uint64_t) { return value(whole.described[r() % whole.described.size()]); });
          break;
        default:
          change(p, [&](std::uint64_t w) { return w + 8 * (r() % 64) - 256; });
          break;
      }
    }
    exercise_memory(copied, python, whole.described);
    const HeapReading damaged = exercise_heap(image, python, step);
    if (damaged.objects && damaged.objects < least) least = damaged.objects;
    for (auto c = changes.rbegin(); c != changes.rend(); ++c) std::memcpy(c->at, &c->before, 8);
  }
  alarm(0);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%ld rounds on CPython %s: %u objects, at least %llu of the damaged; %ld MB at the peak\n",
              rounds, python.version.c_str(), whole.objects, static_cast<unsigned long long>(least),
              usage.ru_maxrss / 1024);
  constexpr long kMostMegabytes = 1500;
  return usage.ru_maxrss / 1024 > kMostMegabytes ? 1 : 0;
}

}  // namespace
}  // namespace heapglass

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: heapglass_damage PID ROUNDS [SEED]\n"), 2;
  try {
    return heapglass::run(std::atoi(argv[1]), std::atol(argv[2]),
                          argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  } catch (const heapglass::Error& error) {
    std::fprintf(stderr, "heapglass_damage: %s\n", error.what());
    return static_cast<int>(error.kind());
  }
}
