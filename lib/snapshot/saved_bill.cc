#include "lib/snapshot/saved_bill.h"

#include <memory>

#include "lib/base/progress.h"
#include "lib/snapshot/snapshot_target.h"

namespace heapglass {
namespace {

using Numbers = std::vector<std::uint64_t>;
constexpr std::uint64_t kNotKnown = UINT64_MAX;

// Each single figure by its name in the file.
template <class T>
using Figures = std::vector<std::pair<const char*, std::uint64_t T::*>>;

const Figures<MemoryBill>& figures() {
  static const Figures<MemoryBill> all{{"bill.rss", &MemoryBill::rss},
                                       {"bill.sum", &MemoryBill::sum},
                                       {"bill.page_tables", &MemoryBill::page_tables},
                                       {"bill.swapped", &MemoryBill::swapped},
                                       {"bill.malloc_trim_bytes", &MemoryBill::malloc_trim_bytes}};
  return all;
}

const Figures<PymallocFigures>& pymalloc_figures() {
  static const Figures<PymallocFigures> all{{"bill.pymalloc.arenas", &PymallocFigures::arenas},
                                            {"bill.pymalloc.used", &PymallocFigures::used},
                                            {"bill.pymalloc.available", &PymallocFigures::available},
                                            {"bill.pymalloc.unused_pools", &PymallocFigures::unused_pools},
                                            {"bill.pymalloc.pool_headers", &PymallocFigures::pool_headers},
                                            {"bill.pymalloc.quantization", &PymallocFigures::quantization},
                                            {"bill.pymalloc.alignment", &PymallocFigures::alignment}};
  return all;
}

template <class Row, class Get>
void save(SnapshotWriter& writer, const char* section, const std::vector<Row>& rows, Get get) {
  const auto numbers = std::make_shared<Numbers>();
  for (const Row& row : rows) numbers->push_back(get(row));
  writer.column<std::uint64_t>(section, numbers->size(), Transform::kNone,
                               [numbers](std::uint64_t i) { return (*numbers)[i]; });
}

void save_pins(SnapshotWriter& writer, Metadata& facts, const MemoryBill& bill) {
  facts.set_number("bill.pinned", bill.pinned);
  std::vector<std::string> allocators, types, owners;
  for (const PinnedRow& row : bill.pins) {
    allocators.push_back(row.allocator);
    types.push_back(row.type);
    owners.push_back(row.owner);
  }
  writer.strings("bill.pin.allocator", allocators);
  writer.strings("bill.pin.type", types);
  writer.strings("bill.pin.owner", owners);
  save(writer, "bill.pin.blocks", bill.pins, [](const PinnedRow& r) { return r.blocks; });
  save(writer, "bill.pin.bytes", bill.pins, [](const PinnedRow& r) { return r.bytes; });
  save(writer, "bill.pin.free", bill.pins, [](const PinnedRow& r) { return r.free; });
  const auto& pinning = bill.pinning;
  save(writer, "bill.pinning.object", pinning, [](const PinningObject& o) { return index(o.node); });
  save(writer, "bill.pinning.pymalloc", pinning, [](const PinningObject& o) { return o.of_pymalloc; });
  save(writer, "bill.pinning.blocks", pinning, [](const PinningObject& o) { return o.blocks; });
  save(writer, "bill.pinning.bytes", pinning, [](const PinningObject& o) { return o.bytes; });
  save(writer, "bill.pinning.free", pinning, [](const PinningObject& o) { return o.free; });
}

void load_pinning(const SnapshotFile& file, MemoryBill& bill) {
  if (!file.has("bill.pinning.object")) return;  // of an older heapglass
  const auto object = file.column<std::uint64_t>("bill.pinning.object");
  const auto of = [&](const char* section) { return file.column<std::uint64_t>(section, object.size()); };
  const auto pymalloc = of("bill.pinning.pymalloc"), blocks = of("bill.pinning.blocks"),
             bytes = of("bill.pinning.bytes"), free = of("bill.pinning.free");
  for (std::size_t i = 0; i < object.size(); ++i) {
    if (object[i] >= index(kNoNode)) file.fail("bill.pinning.object", "it names no object");
    bill.pinning.push_back(
        {NodeId{static_cast<std::uint32_t>(object[i])}, pymalloc[i] != 0, blocks[i], bytes[i], free[i]});
  }
}

void load_pins(const SnapshotFile& file, const Metadata& facts, MemoryBill& bill) {
  if (!file.has("bill.pin.type.end")) return;  // of an older heapglass
  bill.pinned = facts.number("bill.pinned");
  const auto types = file.strings("bill.pin.type");
  const auto allocators = file.strings("bill.pin.allocator"), owners = file.strings("bill.pin.owner");
  if (allocators.size() != types.size() || owners.size() != types.size())
    file.fail("bill.pin.type", "it has not as many rows as those beside it");
  const auto blocks = file.column<std::uint64_t>("bill.pin.blocks", types.size()),
             bytes = file.column<std::uint64_t>("bill.pin.bytes", types.size()),
             free = file.column<std::uint64_t>("bill.pin.free", types.size());
  for (std::size_t i = 0; i < types.size(); ++i)
    bill.pins.push_back({allocators[i], types[i], owners[i], blocks[i], bytes[i], free[i]});
  load_pinning(file, bill);
}

MemoryBill saved_bill_of(const Heap& heap, const SnapshotTarget& saved) {
  MemoryBill bill = load_bill(saved.file(), saved.facts());
  const auto owner_of = owner_names(heap);
  if (!owner_of || bill.pinning.empty()) return bill;
  std::erase_if(bill.pinning, [&](const PinningObject& o) { return index(o.node) >= heap.graph().nodes(); });
  bill.pins = with_owners(heap.graph(), bill.pins, bill.pinning, owner_of);
  return bill;
}

}  // namespace

MemoryAccount memory_account(const Heap& heap) {
  const InStage adding(Stage::kMemory);
  const SnapshotTarget* const saved = heap.snapshot();
  return saved ? MemoryAccount{load_bill(saved->file(), saved->facts()), load_arenas(saved->file())}
               : compute_memory_account(heap);
}

MemoryBill memory_bill(const Heap& heap) {
  const InStage adding(Stage::kMemory);
  const SnapshotTarget* const saved = heap.snapshot();
  return saved ? saved_bill_of(heap, *saved) : compute_memory_bill(heap);
}

TakenBill take_bill(const Heap& heap) {
  try {
    return {memory_bill(heap), {}};
  } catch (const Error& e) {
    return {std::nullopt, e.what()};
  }
}

std::vector<ArenaRow> arenas(const Heap& heap) {
  const SnapshotTarget* const saved = heap.snapshot();
  return saved ? load_arenas(saved->file()) : compute_arenas(heap);
}

void save_bill(SnapshotWriter& writer, Metadata& facts, const MemoryBill& bill) {
  for (const auto& [name, figure] : figures()) facts.set_number(name, bill.*figure);
  for (const auto& [name, figure] : pymalloc_figures()) facts.set_number(name, bill.pymalloc.*figure);
  facts.set_number("bill.residency_known", bill.residency_known);
  facts.set_number("bill.verdict", static_cast<std::uint64_t>(bill.verdict));
  facts.set("bill.verdict_text", bill.verdict_text);

  std::vector<std::string> details;
  details.reserve(bill.rows.size());
  for (const MemoryRow& row : bill.rows) details.push_back(row.detail);
  writer.strings("bill.row.detail", details);
  save(writer, "bill.row.kind", bill.rows,
       [](const MemoryRow& r) { return static_cast<std::uint64_t>(r.kind); });
  save(writer, "bill.row.bytes", bill.rows, [](const MemoryRow& r) { return r.bytes; });
  save(writer, "bill.row.objects", bill.rows, [](const MemoryRow& r) { return r.objects; });

  using Arena = MemoryBill::Arena;
  save(writer, "bill.arena.address", bill.arenas, [](const Arena& a) { return value(a.address); });
  save(writer, "bill.arena.main", bill.arenas, [](const Arena& a) { return a.main; });
  save(writer, "bill.arena.sure", bill.arenas, [](const Arena& a) { return a.sure; });
  save(writer, "bill.arena.system", bill.arenas, [](const Arena& a) { return a.system; });
  save(writer, "bill.arena.free", bill.arenas, [](const Arena& a) { return a.free; });
  save(writer, "bill.arena.cached", bill.arenas, [](const Arena& a) { return a.cached; });

  using OfSize = PymallocFigures::OfSize;
  const auto& sizes = bill.pymalloc.sizes;
  save(writer, "bill.pool.size", sizes, [](const OfSize& s) { return s.size; });
  save(writer, "bill.pool.pools", sizes, [](const OfSize& s) { return s.pools; });
  save(writer, "bill.pool.used", sizes, [](const OfSize& s) { return s.used; });
  save(writer, "bill.pool.available", sizes, [](const OfSize& s) { return s.available; });
  writer.strings("bill.doubts", bill.doubts);
  save_pins(writer, facts, bill);
}

MemoryBill load_bill(const SnapshotFile& file, const Metadata& facts) {
  MemoryBill bill;
  for (const auto& [name, figure] : figures()) bill.*figure = facts.number(name);
  for (const auto& [name, figure] : pymalloc_figures()) bill.pymalloc.*figure = facts.number(name);
  bill.residency_known = facts.number("bill.residency_known") != 0;
  const std::uint64_t verdict = facts.number("bill.verdict");
  if (verdict > static_cast<std::uint64_t>(MemoryBill::Verdict::kShared))
    file.fail("meta", "bill.verdict is none that there is");
  bill.verdict = static_cast<MemoryBill::Verdict>(verdict);
  bill.verdict_text = facts.text("bill.verdict_text");

  const auto details = file.strings("bill.row.detail");
  const std::size_t rows = details.size();
  const auto kind = file.column<std::uint64_t>("bill.row.kind", rows),
             bytes = file.column<std::uint64_t>("bill.row.bytes", rows),
             objects = file.column<std::uint64_t>("bill.row.objects", rows);
  for (std::size_t i = 0; i < rows; ++i) {
    if (kind[i] > static_cast<std::uint64_t>(MemoryKind::kUnknown))
      file.fail("bill.row.kind", "a row is of a kind that there is not");
    bill.rows.push_back({static_cast<MemoryKind>(kind[i]), details[i], bytes[i], objects[i]});
  }

  const auto address = file.column<std::uint64_t>("bill.arena.address");
  auto of_arenas = [&](const char* section) { return file.column<std::uint64_t>(section, address.size()); };
  const auto main = of_arenas("bill.arena.main"), sure = of_arenas("bill.arena.sure"),
             system = of_arenas("bill.arena.system"), free = of_arenas("bill.arena.free"),
             cached = of_arenas("bill.arena.cached");
  for (std::size_t i = 0; i < address.size(); ++i)
    bill.arenas.push_back({Address{address[i]}, main[i] != 0, sure[i] != 0, system[i], free[i], cached[i]});

  const auto size = file.column<std::uint64_t>("bill.pool.size");
  auto of_sizes = [&](const char* section) { return file.column<std::uint64_t>(section, size.size()); };
  const auto pools = of_sizes("bill.pool.pools"), used = of_sizes("bill.pool.used"),
             available = of_sizes("bill.pool.available");
  for (std::size_t i = 0; i < size.size(); ++i)
    bill.pymalloc.sizes.push_back({size[i], pools[i], used[i], available[i]});
  bill.doubts = file.strings("bill.doubts");
  load_pins(file, facts, bill);
  return bill;
}

void save_arenas(SnapshotWriter& writer, const std::vector<ArenaRow>& arenas) {
  std::vector<std::string> allocators;
  allocators.reserve(arenas.size());
  for (const ArenaRow& a : arenas) allocators.push_back(a.allocator);
  writer.strings("arena.allocator", allocators);
  save(writer, "arena.start", arenas, [](const ArenaRow& a) { return value(a.start); });
  save(writer, "arena.size", arenas, [](const ArenaRow& a) { return a.size; });
  save(writer, "arena.used", arenas, [](const ArenaRow& a) { return a.used.value_or(kNotKnown); });
  save(writer, "arena.free", arenas, [](const ArenaRow& a) { return a.free.value_or(kNotKnown); });
  save(writer, "arena.overhead", arenas, [](const ArenaRow& a) { return a.overhead.value_or(kNotKnown); });
  save(writer, "arena.objects", arenas, [](const ArenaRow& a) { return a.objects.value_or(kNotKnown); });
}

std::vector<ArenaRow> load_arenas(const SnapshotFile& file) {
  const auto allocators = file.strings("arena.allocator");
  auto column = [&](const char* section) { return file.column<std::uint64_t>(section, allocators.size()); };
  const auto start = column("arena.start"), size = column("arena.size"), used = column("arena.used"),
             free = column("arena.free"), overhead = column("arena.overhead"),
             objects = column("arena.objects");
  const auto known = [](std::uint64_t number) {
    return number == kNotKnown ? std::nullopt : std::optional(number);
  };
  std::vector<ArenaRow> arenas;
  arenas.reserve(allocators.size());
  for (std::size_t i = 0; i < allocators.size(); ++i)
    arenas.push_back({allocators[i], Address{start[i]}, size[i], known(used[i]), known(free[i]),
                      known(overhead[i]), known(objects[i])});
  return arenas;
}

}  // namespace heapglass
