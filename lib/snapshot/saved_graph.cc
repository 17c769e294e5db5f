#include "lib/snapshot/saved_graph.h"

#include <algorithm>
#include <cstring>

#include "lib/base/parallel.h"
#include "lib/heap/external_bytes.h"
#include "lib/snapshot/object_addresses.h"
#include "lib/snapshot/referent_codec.h"

namespace heapglass {
namespace {

std::size_t groups_of(std::uint32_t nodes) { return (nodes + kReferentGroup - 1) / kReferentGroup; }

// Calls visit(node, codec), the codec set to that object, for each node of one group.
template <class Visit>
void each_in_group(std::size_t group, std::span<const std::uint32_t> type, ReferentCodec& codec,
                   Visit visit) {
  codec.begin_group();
  const std::size_t first = group * kReferentGroup;
  for (std::size_t n = first; n < std::min(first + kReferentGroup, type.size()); ++n) {
    codec.begin_object(type[n]);
    visit(n, codec);
  }
}

// Made when they are written, block by block: a block begins somewhere in a group, and coding what is before
// it there once more is quicker than getting memory for all.
void code_referents(const HeapGraph& graph, std::uint64_t first, std::uint64_t count, std::byte* out) {
  const auto& edges = graph.first_edge;
  const std::uint64_t end = first + count;
  // The object that has the first one; objects without references begin where the next one does.
  const auto behind = std::upper_bound(edges.begin(), edges.end(), first);
  ReferentCodec codec(graph.types.size());
  for (std::size_t n = static_cast<std::size_t>(behind - edges.begin() - 1) / kReferentGroup * kReferentGroup;
       n < graph.nodes() && edges[n] < end; ++n) {
    if (n % kReferentGroup == 0) codec.begin_group();
    codec.begin_object(graph.type[n]);
    for (std::uint64_t e = edges[n]; e < std::min(edges[n + 1], end); ++e) {
      const std::uint32_t coded = codec.encode(index(graph.referent[e]));
      if (e >= first) std::memcpy(out + (e - first) * sizeof coded, &coded, sizeof coded);
    }
  }
}

void save_references(SnapshotWriter& writer, const HeapGraph& graph) {
  writer.column<std::uint32_t>("refs.count", graph.nodes(), Transform::kNone, [&graph](std::uint64_t n) {
    return graph.first_edge[n + 1] - graph.first_edge[n];
  });
  constexpr unsigned kWidth = sizeof(std::uint32_t);
  writer.add("refs.to", kWidth, Transform::kNone, graph.referent.size(), kMostBlockBytes / kWidth,
             [&graph](std::uint64_t first, std::uint64_t count, std::byte* out) {
               code_referents(graph, first, count, out);
             });
  writer.column<std::uint8_t>(
      "refs.class", graph.edge_class.size(), Transform::kNone,
      [&graph](std::uint64_t e) { return static_cast<std::uint8_t>(graph.edge_class[e]); });
}

// A column of what `of` says of each object and its address, made when it is written: a million of them need
// not be kept for that.
template <class Of>
void column_by_address(SnapshotWriter& writer, const char* name, Transform transform, const HeapGraph& graph,
                       Of of) {
  writer.add(name, sizeof(std::uint64_t), transform, graph.nodes(), kMostBlockBytes / sizeof(std::uint64_t),
             [&graph, of](std::uint64_t first, std::uint64_t count, std::byte* out) {
               std::uint64_t node = first;
               each_address(*graph.index, static_cast<std::uint32_t>(first),
                            static_cast<std::uint32_t>(first + count), [&](Address a) {
                              const std::uint64_t element = of(node++, a);
                              std::memcpy(out, &element, sizeof element);
                              out += sizeof element;
                            });
             });
}

void save_roots(SnapshotWriter& writer, const HeapGraph& graph) {
  const auto& roots = graph.roots;
  writer.column<std::uint32_t>("roots.node", roots.size(), Transform::kNone,
                               [&roots](std::uint64_t i) { return index(roots[i].node); });
  writer.column<std::uint8_t>("roots.kind", roots.size(), Transform::kNone,
                              [&roots](std::uint64_t i) { return static_cast<std::uint8_t>(roots[i].kind); });
  writer.column<std::uint8_t>("roots.guess", roots.size(), Transform::kNone,
                              [&roots](std::uint64_t i) { return roots[i].guess; });
  std::vector<std::string> holders;
  holders.reserve(roots.size());
  for (const GraphRoot& r : roots) holders.push_back(r.holder);
  writer.strings("roots.holder", holders);
}

void load_references(const SnapshotFile& file, HeapGraph& graph) {
  const std::uint32_t nodes = graph.nodes();
  const auto count = file.column<std::uint32_t>("refs.count", nodes);
  graph.first_edge.reserve(std::size_t{nodes} + 1);
  graph.first_edge.push_back(0);
  for (const std::uint32_t c : count) graph.first_edge.push_back(graph.first_edge.back() + c);
  const std::uint64_t edges = graph.first_edge.back();
  const auto coded = file.column<std::uint32_t>("refs.to", edges);
  const auto classes = file.column<std::uint8_t>("refs.class", edges);
  graph.referent.resize(edges);
  graph.edge_class.resize(edges);
  parallel_for(groups_of(nodes), [&](std::size_t group, unsigned) {
    ReferentCodec codec(graph.types.size());
    each_in_group(group, graph.type, codec, [&](std::size_t n, ReferentCodec& c) {
      for (std::uint64_t e = graph.first_edge[n]; e < graph.first_edge[n + 1]; ++e) {
        const std::uint32_t to = c.decode(coded[e]);
        if (to >= nodes) file.fail("refs.to", "a reference leads to no object");
        if (classes[e] > static_cast<std::uint8_t>(EdgeClass::kGuess))
          file.fail("refs.class", "a reference is of a class that there is not");
        graph.referent[e] = NodeId{to};
        graph.edge_class[e] = static_cast<EdgeClass>(classes[e]);
      }
    });
  });
}

// Few objects have in their size what is another object's: a row for each of those.
void save_sizes_of_others(SnapshotWriter& writer, const HeapGraph& graph) {
  const auto rows = std::make_shared<std::vector<std::pair<std::uint32_t, std::uint64_t>>>();
  graph.size.each_of_another(
      [&](std::uint32_t node, std::uint64_t bytes) { rows->emplace_back(node, bytes); });
  std::sort(rows->begin(), rows->end());
  writer.column<std::uint32_t>("objects.of_another.node", rows->size(), Transform::kDelta,
                               [rows](std::uint64_t i) { return (*rows)[i].first; });
  writer.column<std::uint64_t>("objects.of_another.bytes", rows->size(), Transform::kNone,
                               [rows](std::uint64_t i) { return (*rows)[i].second; });
}

// Files of releases before have none.
void load_sizes_of_others(const SnapshotFile& file, HeapGraph& graph) {
  if (!file.has("objects.of_another.node")) return;
  const auto nodes = file.column<std::uint32_t>("objects.of_another.node");
  const auto bytes = file.column<std::uint64_t>("objects.of_another.bytes", nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i] >= graph.nodes() || bytes[i] > graph.size[nodes[i]])
      file.fail("objects.of_another", "more bytes than an object has are another's");
    graph.size.set_large(nodes[i], graph.size[nodes[i]], bytes[i]);
  }
}

}  // namespace

void save_graph(SnapshotWriter& writer, TypeTable& types, const HeapGraph& graph) {
  const auto& t = graph.types;
  std::vector<std::string> names;
  names.reserve(t.size());
  for (const GraphType& type : t) names.push_back(type.name);
  writer.strings("types.name", names);
  writer.column<std::uint64_t>("types.address", t.size(), Transform::kNone,
                               [&t](std::uint64_t i) { return value(t[i].address); });
  writer.column<std::uint8_t>("types.resolution", t.size(), Transform::kNone,
                              [&t](std::uint64_t i) { return static_cast<std::uint8_t>(t[i].resolution); });
  writer.column<std::uint8_t>("types.size_unsure", t.size(), Transform::kNone,
                              [&t](std::uint64_t i) { return t[i].size_unsure; });

  const std::uint32_t n = graph.nodes();
  // All addresses are multiples of 8.
  column_by_address(writer, "objects.address", Transform::kDelta, graph,
                    [](std::uint64_t, Address a) { return value(a) >> 3; });
  writer.column<std::uint32_t>("objects.type", n, Transform::kNone,
                               [&graph](std::uint64_t i) { return graph.type[i]; });
  writer.column<std::uint64_t>("objects.size", n, Transform::kNone,
                               [&graph](std::uint64_t i) { return graph.size[i]; });
  const Objects& objects = types.objects();
  column_by_address(
      writer, "objects.refcount", Transform::kNone, graph,
      [&objects](std::uint64_t, Address a) { return static_cast<std::uint64_t>(objects.refcount(a)); });
  column_by_address(writer, "objects.external", Transform::kNone, graph,
                    [&objects, &graph](std::uint64_t node, Address a) -> std::uint64_t {
                      return buffers_of(graph, objects, NodeId{static_cast<std::uint32_t>(node)}, a).all;
                    });
  writer.column<std::uint64_t>(
      "objects.beyond", n, Transform::kNone,
      [&graph](std::uint64_t i) -> std::uint64_t { return graph.beyond.size() ? graph.beyond[i] : 0; });
  save_sizes_of_others(writer, graph);
  if (!graph.value_hash.empty())
    writer.column<std::uint64_t>("objects.value_hash", n, Transform::kNone,
                                 [&graph](std::uint64_t i) { return graph.value_hash[i]; });
  save_references(writer, graph);
  save_roots(writer, graph);
}

HeapGraph load_graph(const SnapshotFile& file, std::shared_ptr<const Image> image, bool references) {
  HeapGraph graph;
  const auto names = file.strings("types.name");
  const auto type_address = file.column<std::uint64_t>("types.address", names.size());
  const auto resolution = file.column<std::uint8_t>("types.resolution", names.size());
  const auto unsure = file.column<std::uint8_t>("types.size_unsure", names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i && names[i] < names[i - 1]) file.fail("types.name", "the types are not in order");
    graph.types.push_back({names[i], Address{type_address[i]}, static_cast<Resolution>(resolution[i]),
                           unsure[i] != 0, nullptr});
  }

  graph.index = std::make_unique<AddressIndex>(std::move(image));
  const auto addresses = file.column<std::uint64_t>("objects.address");
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto bit = graph.index->bit_of(Address{addresses[i] << 3});
    if (!bit || (i && addresses[i] <= addresses[i - 1]))
      file.fail("objects.address", "an object is where none can be");
    graph.index->set(*bit);
  }
  graph.index->freeze();
  const std::uint32_t n = graph.index->count();
  graph.type = file.column<std::uint32_t>("objects.type", n);
  for (const std::uint32_t type : graph.type)
    if (type >= names.size()) file.fail("objects.type", "an object is of a type that there is not");
  auto sizes = [&](const char* section, SizeColumn& column) {
    const auto bytes = file.column<std::uint64_t>(section, n);
    column.resize(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      if (bytes[i] < SizeColumn::kLarge) {
        column.set_small(i, static_cast<std::uint32_t>(bytes[i]));
      } else {
        column.set_large(i, bytes[i]);
      }
    }
  };
  sizes("objects.size", graph.size);
  load_sizes_of_others(file, graph);
  sizes("objects.external", graph.external);
  sizes("objects.beyond", graph.beyond);
  if (file.has("objects.value_hash")) {
    const auto hashes = file.column<std::uint64_t>("objects.value_hash", n);
    graph.value_hash.assign(hashes.begin(), hashes.end());
  }
  if (references) load_references(file, graph);
  return graph;
}

void save_report(SnapshotWriter& writer, Metadata& facts, const BuildReport& report,
                 const ReadErrors& health) {
  facts.set_number("report.tracked", report.tracked);
  facts.set_number("report.lists_closed", report.lists_closed);
  facts.set_number("report.collecting", report.collecting);
  facts.set_number("report.loose", report.loose);
  facts.set_number("report.guessed", report.guessed);
  facts.set_number("report.resolved", report.resolved);
  if (report.greenlet_frame != kAbsent)
    facts.set_number("report.greenlet_frame", static_cast<std::uint64_t>(report.greenlet_frame));
  for (unsigned i = 0; i < static_cast<unsigned>(Skip::kCount); ++i) {
    const std::string name = "skipped." + std::to_string(i);
    facts.set_number(name + ".count", health.count(static_cast<Skip>(i)));
    facts.set_number(name + ".example", value(health.example(static_cast<Skip>(i))));
  }
  for (const auto& [name, counts] : {std::pair{std::string("unresolved"), &report.unresolved},
                                     std::pair{std::string("distrusted"), &report.distrusted}}) {
    std::vector<std::string> types;
    const auto numbers = std::make_shared<std::vector<std::uint64_t>>();
    for (const auto& [type, count] : *counts) {
      types.push_back(type);
      numbers->push_back(count);
    }
    writer.strings(name, types);
    writer.column<std::uint64_t>(name + ".count", numbers->size(), Transform::kNone,
                                 [numbers](std::uint64_t i) { return (*numbers)[i]; });
  }
}

BuildReport load_report(const SnapshotFile& file, const Metadata& facts, ReadErrors& health) {
  BuildReport report;
  report.tracked = facts.number("report.tracked");
  report.lists_closed = facts.number("report.lists_closed") != 0;
  report.collecting = facts.number("report.collecting") != 0;
  report.loose = facts.number("report.loose");
  report.guessed = facts.number("report.guessed");
  report.resolved = facts.number("report.resolved");
  if (facts.has("report.greenlet_frame"))
    report.greenlet_frame = static_cast<std::int32_t>(facts.number("report.greenlet_frame") & 0xffff);
  for (unsigned i = 0; i < static_cast<unsigned>(Skip::kCount); ++i) {
    const std::string name = "skipped." + std::to_string(i);
    if (facts.has(name + ".count"))
      health.set(static_cast<Skip>(i), facts.number(name + ".count"),
                 Address{facts.number(name + ".example")});
  }
  for (const auto& [name, counts] : {std::pair{std::string("unresolved"), &report.unresolved},
                                     std::pair{std::string("distrusted"), &report.distrusted}}) {
    const auto types = file.strings(name);
    const auto numbers = file.column<std::uint64_t>(name + ".count", types.size());
    for (std::size_t i = 0; i < types.size(); ++i) (*counts)[types[i]] = numbers[i];
  }
  return report;
}

}  // namespace heapglass
