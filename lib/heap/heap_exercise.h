// Everything that a command does with an image, but for running code of the target's and printing: for fuzz
// targets and tests, which hand it damaged ones.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "lib/heap/builder.h"
#include "lib/heap/verify.h"
#include "lib/python/describe.h"
#include "lib/python/python_repr.h"
#include "lib/python/sizes.h"

namespace heapglass {

struct HeapReading {
  bool is_python = false;  // else a command would have said what is wrong, and ended
  std::uint32_t objects = 0;
  std::uint64_t references = 0;
  std::uint64_t losses = 0;  // as ReadErrors counts them
  std::vector<Address> described;
};

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

// Describes every `step`th object. Throws std::logic_error where what comes out contradicts itself.
inline HeapReading exercise_heap(const std::shared_ptr<Image>& image, const PyRuntime& python,
                                 std::uint32_t step) {
  HeapReading out;
  const Limits limits;
  ReadErrors health;
  const Objects objects(*image, python);
  if (!python.self_check(*image).empty()) return out;
  out.is_python = true;
  TypeTable types(objects, limits, health);
  const std::vector<PyInterpreter> interpreters = read_interpreters(objects, limits, health);
  BuildReport report;
  const HeapGraph graph = build_graph(image, types, interpreters, {}, health, report);
  verify(graph);
  if (reverse(graph).referrer.size() != graph.referent.size())
    throw std::logic_error("referrers and references differ in number");
  out.objects = graph.nodes();
  out.references = graph.referent.size();
  const References references(types, health);
  LabelSink labels(types);
  for (std::uint32_t n = 0; n < graph.nodes(); n += step) {
    const Address a = graph.index->address(NodeId{n});
    const TypeInfo& type = *graph.types[graph.type[n]].info;
    constexpr std::size_t kLongest = 1 << 16;
    if (short_repr(types, a, type).size() > kLongest) throw std::logic_error("a short repr is long");
    if (python_repr(types, a, 200).text.size() > kLongest) throw std::logic_error("a repr is long");
    (void)external_of(objects, a, type, graph.size[n]);
    references.visit(a, type, labels);
    labels.drain();
    out.described.push_back(a);
  }
  for (unsigned why = 0; why < static_cast<unsigned>(Skip::kCount); ++why)
    out.losses += health.count(static_cast<Skip>(why));
  return out;
}

}  // namespace heapglass
