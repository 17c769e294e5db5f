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

#include "lib/analysis/histogram.h"
#include "lib/base/error.h"
#include "lib/graph/builder.h"
#include "lib/graph/verify.h"
#include "lib/python/describe.h"
#include "platform/live_target.h"

namespace heapglass {
namespace {

constexpr unsigned kSecondsARound =
    60;  // many times what a sound heap takes, on a busy machine under sanitizers

class LabelSink final : public EdgeSink {
 public:
  explicit LabelSink(TypeTable& types) : types_(types) {}
  std::size_t bytes = 0;

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (std::size_t i = 0; i < count && i < 16; ++i)
      bytes += edge_label(types_, edges[i], i % 2 == 0).size();
  }
  TypeTable& types_;
};

// Everything that a command does with an image, but for running or printing.
struct Reading {
  std::uint32_t objects = 0;
  std::vector<Address> some;  // a sample of them
};
Reading read_heap(const std::shared_ptr<Image>& image, const PyRuntime& python, std::mt19937_64& random) {
  Reading out;
  const Limits limits;
  Health health;
  const Objects objects(*image, python);
  if (!python.self_check(*image).empty()) return out;  // a command would have said so and ended
  TypeTable types(objects, limits, health);
  const std::vector<PyInterpreter> interpreters = read_interpreters(objects, limits, health);
  BuildReport report;
  const HeapGraph graph = build_graph(image, types, interpreters, {}, health, report);
  verify(graph);
  out.objects = graph.nodes();
  if (histogram(graph).size() > graph.types.size()) std::abort();
  const References references(types, health);
  LabelSink labels(types);
  for (unsigned i = 0; i < 300 && graph.nodes() > 0; ++i) {
    const NodeId node{static_cast<std::uint32_t>(random() % graph.nodes())};
    const Address a = graph.index->address(node);
    const TypeInfo& type = *graph.types[graph.type[index(node)]].info;
    if (short_repr(types, a, type).size() > 1 << 20) std::abort();
    if (i < 100) references.visit(a, type, labels);
    out.some.push_back(a);
  }
  labels.drain();
  return out;
}

struct Change {
  std::byte* at;
  std::uint64_t before;
};

int run(pid_t pid, long rounds, std::uint64_t seed) {
  LiveTarget target(pid);
  const PyRuntime python = PyRuntime::find(target.memory(), target.binaries());
  const Capture capture = target.capture();

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
  const Reading whole = read_heap(image, python, random);
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
        p = writable(whole.some[r() % whole.some.size()] + 8 * (r() % 14) - 32);
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
          change(p, [&](std::uint64_t) { return value(whole.some[r() % whole.some.size()]); });
          break;
        default:
          change(p, [&](std::uint64_t w) { return w + 8 * (r() % 64) - 256; });
          break;
      }
    }
    const Reading damaged = read_heap(image, python, r);
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
