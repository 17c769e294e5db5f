// heapglass selfcheck: every object by layouts and by its own tp_traverse. For developers: the layouts are
// right where both agree.
#include <algorithm>
#include <map>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/heap/marking.h"
#include "lib/open/open_heap.h"
#include "lib/open/run_resolver.h"
#include "lib/report/write_answer.h"
#include "lib/snapshot/snapshot_target.h"

namespace heapglass {
namespace {

class Visited final : public EdgeSink {
 public:
  std::vector<std::uint64_t> referents;

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i)
      if (edges[i].cls == EdgeClass::kVisited) referents.push_back(value(edges[i].referent));
  }
};

struct Differences {
  std::uint64_t objects = 0;  // asked
  std::uint64_t unknown = 0;  // of them no layout tells the references
  std::uint64_t different = 0;
  std::uint64_t only_layout = 0, only_running = 0;  // references
  std::uint64_t failed = 0;                         // did not answer
  Address example{};
};

}  // namespace

int run_selfcheck(const std::vector<std::string>& arguments) {
  CommandLine line("selfcheck", "compares layouts with the target's own code, run in a copy");
  if (!line.parse(arguments)) return kExitDone;
  CommonOptions common = line.common();
  common.resolve = "layout";
  const auto heap = open_heap(common, {});
  const Heap& s = *heap;
  if (s.snapshot())
    throw Error(ErrorKind::kUsage,
                "'" + common.target + "' is a snapshot, and a snapshot has no code to compare with",
                "give the process");
  const HeapGraph& graph = s.graph();

  std::vector<Address> objects;
  std::vector<std::uint32_t> types;
  std::uint32_t node = 0;
  graph.index->each_in_blocks(0, graph.index->blocks(), [&](Address a) {
    const std::uint32_t type = graph.type[node++];
    if (!graph.types[type].info->has_gc) return;
    objects.push_back(a);
    types.push_back(type);
  });

  ReadErrors scratch;
  const References references(s.types(), scratch);
  auto is_object = [&](std::uint64_t a) {
    const Address type = s.objects().type_of(Address{a});
    return graph.index->bit_of(Address{a}) && s.types().get(type) && s.objects().refcount(Address{a}) != 0;
  };
  std::map<std::string, Differences> by_type;
  RunResolver resolver(s.capture(), s.python(), s.target().pid(), true);
  std::uint64_t total = 0, not_objects = 0;
  resolver.run(objects, [&](std::size_t i, TraverseSandbox::Status status, std::span<const Address> told) {
    const TypeInfo& type = *graph.types[types[i]].info;
    Differences& d = by_type[type.name];
    ++d.objects;
    if (status != TraverseSandbox::Status::kDone) {
      if (d.failed++ == 0) d.example = objects[i];
      return;
    }
    if (unknown_references(s.types(), objects[i], type)) {
      ++d.unknown;
      return;
    }
    Visited sink;
    references.visit(objects[i], type, sink);
    sink.drain();
    std::vector<std::uint64_t> layout = std::move(sink.referents), run;
    for (const Address a : told) run.push_back(value(a));
    for (auto* each : {&layout, &run}) {
      not_objects += std::erase_if(*each, [&](std::uint64_t a) { return !is_object(a); });
      std::sort(each->begin(), each->end());
    }
    total += run.size();
    std::vector<std::uint64_t> only_layout, only_run;
    std::set_difference(layout.begin(), layout.end(), run.begin(), run.end(),
                        std::back_inserter(only_layout));
    std::set_difference(run.begin(), run.end(), layout.begin(), layout.end(), std::back_inserter(only_run));
    if (only_layout.empty() && only_run.empty()) return;
    if (d.different++ == 0) d.example = objects[i];
    d.only_layout += only_layout.size();
    d.only_running += only_run.size();
  });

  Document document;
  const TraverseStats stats = resolver.stats();
  auto add = [&](const char* key, const char* title, Kind kind, Cell cell) {
    document.fields.push_back({{key, title, kind}, std::move(cell)});
  };
  add("python", "Python", Kind::kText, s.python().version);
  add("objects", "objects asked", Kind::kCount, stats.objects);
  add("references", "references compared", Kind::kCount, total);
  add("retried", "asked again as a thread", Kind::kCount, stats.retried);
  add("not_objects", "told, but no objects", Kind::kCount, not_objects);
  add("run_ms", "asked in", Kind::kMilliseconds, stats.ms);
  Table table;
  table.key = "types";
  table.columns = {{"type", "type", Kind::kText},
                   {"objects", "objects", Kind::kCount},
                   {"different", "different", Kind::kCount},
                   {"only_layout", "only by layout", Kind::kCount},
                   {"only_running", "only by running", Kind::kCount},
                   {"failed", "failed", Kind::kCount},
                   {"unknown", "no layout", Kind::kCount},
                   {"example", "example", Kind::kAddress, Audience::kAll, 1}};
  bool same = true;
  for (const auto& [name, d] : by_type) {
    if (!d.different && !d.failed && !d.unknown) continue;
    same = same && !d.different && !d.failed;
    table.rows.push_back({name, d.objects, d.different, d.only_layout, d.only_running, d.failed, d.unknown,
                          is_null(d.example) ? Cell{} : Cell{d.example}});
  }
  document.sections.push_back(std::move(table));
  write_answer(s, std::move(document), common);
  return same ? kExitDone : 1;
}

}  // namespace heapglass
