#include "lib/snapshot/saved_graph.h"

#include <cstring>
#include <mutex>

#include "lib/base/large_array.h"
#include "lib/base/parallel.h"
#include "lib/graph/index_pieces.h"
#include "lib/python/sizes.h"
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

void save_references(SnapshotWriter& writer, const HeapGraph& graph) {
  writer.column<std::uint32_t>("refs.count", graph.nodes(), Transform::kNone, [&graph](std::uint64_t n) {
    return graph.first_edge[n + 1] - graph.first_edge[n];
  });
  const std::size_t edges = graph.referent.size();
  const std::shared_ptr<std::uint32_t[]> coded = large_array<std::uint32_t>(edges);
  parallel_for(groups_of(graph.nodes()), [&](std::size_t group, unsigned) {
    ReferentCodec codec(graph.types.size());
    each_in_group(group, graph.type, codec, [&](std::size_t n, ReferentCodec& c) {
      for (std::uint64_t e = graph.first_edge[n]; e < graph.first_edge[n + 1]; ++e)
        coded[e] = c.encode(index(graph.referent[e]));
    });
  });
  writer.column<std::uint32_t>("refs.to", edges, Transform::kNone,
                               [coded](std::uint64_t e) { return coded[e]; });
  writer.column<std::uint8_t>(
      "refs.class", graph.edge_class.size(), Transform::kNone,
      [&graph](std::uint64_t e) { return static_cast<std::uint8_t>(graph.edge_class[e]); });
}

// What lies in buffers, by node, from the memory.
struct BufferBytes {
  SizeColumn external, beyond;
};

std::shared_ptr<const BufferBytes> buffer_bytes(TypeTable& types, const HeapGraph& graph) {
  const auto bytes = std::make_shared<BufferBytes>();
  bytes->external.resize(graph.nodes());
  bytes->beyond.resize(graph.nodes());
  std::mutex large;
  const auto set = [&](SizeColumn& column, std::uint32_t node, std::uint64_t size) {
    if (size < SizeColumn::kLarge) return column.set_small(node, static_cast<std::uint32_t>(size));
    const std::lock_guard lock(large);
    column.set_large(node, size);
  };
  each_piece(*graph.index, [&](const IndexPiece& piece) {
    piece.each([&](std::uint32_t node, Address a) {
      const TypeInfo* const type = graph.types[graph.type[node]].info;
      if (!type || !may_have_buffers(*type)) return;
      const ExternalBytes external = external_of(types.objects(), a, *type, graph.size[node]);
      set(bytes->external, node, external.bytes);
      set(bytes->beyond, node, external.in_size ? 0 : external.bytes);
    });
  });
  return bytes;
}

// A column of what `of` says of each object's address, made when it is written: a million addresses need not
// be kept for that.
template <class Of>
void column_by_address(SnapshotWriter& writer, const char* name, Transform transform, const HeapGraph& graph,
                       Of of) {
  writer.add(name, sizeof(std::uint64_t), transform, graph.nodes(), kMostBlockBytes / sizeof(std::uint64_t),
             [&graph, of](std::uint64_t first, std::uint64_t count, std::byte* out) {
               each_address(*graph.index, static_cast<std::uint32_t>(first),
                            static_cast<std::uint32_t>(first + count), [&](Address a) {
                              const std::uint64_t element = of(a);
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

}  // namespace

void save_graph(SnapshotWriter& writer, TypeTable& types, const HeapGraph& graph) {
  const auto& t = graph.types;
  std::vector<std::string> names;
  for (const GraphType& type : t) names.push_back(type.name);
  writer.strings("types.name", names);
  writer.column<std::uint64_t>("types.address", t.size(), Transform::kNone,
                               [&t](std::uint64_t i) { return value(t[i].address); });
  writer.column<std::uint8_t>("types.resolution", t.size(), Transform::kNone,
                              [&t](std::uint64_t i) { return static_cast<std::uint8_t>(t[i].resolution); });
  writer.column<std::uint8_t>("types.size_unsure", t.size(), Transform::kNone,
                              [&t](std::uint64_t i) { return t[i].size_unsure; });

  const auto bytes = buffer_bytes(types, graph);
  const std::uint32_t n = graph.nodes();
  // All addresses are multiples of 8.
  column_by_address(writer, "objects.address", Transform::kDelta, graph,
                    [](Address a) { return value(a) >> 3; });
  writer.column<std::uint32_t>("objects.type", n, Transform::kNone,
                               [&graph](std::uint64_t i) { return graph.type[i]; });
  writer.column<std::uint64_t>("objects.size", n, Transform::kNone,
                               [&graph](std::uint64_t i) { return graph.size[i]; });
  const Objects& objects = types.objects();
  column_by_address(writer, "objects.refcount", Transform::kNone, graph,
                    [&objects](Address a) { return static_cast<std::uint64_t>(objects.refcount(a)); });
  writer.column<std::uint64_t>("objects.external", n, Transform::kNone,
                               [bytes](std::uint64_t i) { return bytes->external[i]; });
  writer.column<std::uint64_t>("objects.beyond", n, Transform::kNone,
                               [bytes](std::uint64_t i) { return bytes->beyond[i]; });
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
  const std::uint32_t n = graph.nodes();
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
  sizes("objects.external", graph.external);
  sizes("objects.beyond", graph.beyond);
  if (file.has("objects.value_hash")) {
    const auto hashes = file.column<std::uint64_t>("objects.value_hash", n);
    graph.value_hash.assign(hashes.begin(), hashes.end());
  }
  if (references) load_references(file, graph);
  return graph;
}

void save_report(SnapshotWriter& writer, Facts& facts, const BuildReport& report, const Health& health) {
  facts.set_number("report.tracked", report.tracked);
  facts.set_number("report.lists_closed", report.lists_closed);
  facts.set_number("report.collecting", report.collecting);
  facts.set_number("report.loose", report.loose);
  facts.set_number("report.guessed", report.guessed);
  facts.set_number("report.resolved", report.resolved);
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

BuildReport load_report(const SnapshotFile& file, const Facts& facts, Health& health) {
  BuildReport report;
  report.tracked = facts.number("report.tracked");
  report.lists_closed = facts.number("report.lists_closed") != 0;
  report.collecting = facts.number("report.collecting") != 0;
  report.loose = facts.number("report.loose");
  report.guessed = facts.number("report.guessed");
  report.resolved = facts.number("report.resolved");
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
