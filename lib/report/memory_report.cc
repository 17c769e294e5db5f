#include "lib/report/memory_report.h"

#include <algorithm>

#include "lib/memory/memory_account.h"
#include "lib/render/numbers.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {
namespace {

// The largest of each kind by themselves, the others of a kind in one row.
std::vector<MemoryRow> shortened(const std::vector<MemoryRow>& rows, std::size_t most) {
  std::vector<MemoryRow> out;
  std::size_t of_kind = 0, rest = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool new_kind = i == 0 || rows[i].kind != rows[i - 1].kind;
    if (new_kind) of_kind = rest = 0;
    ++of_kind;
    const bool last = i + 1 == rows.size() || rows[i + 1].kind != rows[i].kind;
    if (!most || of_kind <= most || (last && !rest)) {
      out.push_back(rows[i]);
      continue;
    }
    if (!rest++) {
      out.push_back(rows[i]);
    } else {
      out.back().bytes += rows[i].bytes;
      out.back().objects += rows[i].objects;
    }
    out.back().detail = std::to_string(rest) + " others";
  }
  return out;
}

Table rows_of(const MemoryBill& bill, std::size_t most) {
  Table table{.key = "rows",
              .columns = {{"category", "what", Kind::kText},
                          {"detail", "of", Kind::kText},
                          {"objects", "objects", Kind::kCount},
                          {"bytes", "resident", Kind::kBytes},
                          {"share", "share", Kind::kPercent}}};
  for (const MemoryRow& row : shortened(bill.rows, most))
    table.rows.push_back({std::string(name_of(row.kind)), row.detail,
                          row.kind == MemoryKind::kObjects ? Cell(row.objects) : Cell(), row.bytes,
                          bill.sum ? static_cast<double>(row.bytes) / static_cast<double>(bill.sum) : 0.0});
  table.totals = Row{"sum", "", Cell(), bill.sum, 1.0};
  return table;
}

Table arenas_of(const MemoryBill& bill) {
  Table table{.key = "malloc_arenas",
              .title = "Arenas of malloc, resident or not",
              .columns = {{"address", "arena", Kind::kAddress},
                          {"main", "main", Kind::kText},
                          {"system_bytes", "of the system", Kind::kBytes},
                          {"free_bytes", "free", Kind::kBytes},
                          {"cached_bytes", "in thread caches", Kind::kBytes},
                          {"sure", "sure", Kind::kText}}};
  for (const MemoryBill::Arena& a : bill.arenas)
    table.rows.push_back({a.address, a.main, a.system, a.free, a.cached, a.sure});
  return table;
}

Table pins_of(const MemoryBill& bill, std::size_t most) {
  Table table{.key = "pinned",
              .title = "What keeps free memory from being given back",
              .columns = {{"allocator", "allocator", Kind::kText},
                          {"type", "type", Kind::kText},
                          {"owner", "owner", Kind::kText},
                          {"blocks", "blocks", Kind::kCount},
                          {"bytes", "their bytes", Kind::kBytes, Audience::kAll, 1},
                          {"free_bytes", "free beside them", Kind::kBytes}}};
  for (const PinnedRow& row : bill.pins) {
    if (most && table.rows.size() == most) break;
    table.rows.push_back({row.allocator, row.type, row.owner.empty() ? Cell() : Cell(row.owner), row.blocks,
                          row.bytes, row.free});
  }
  return table;
}

void add_without(const Heap& heap, const std::string& owner, Document& document) {
  const WithoutOwner dropped = memory_without(heap, owner);
  const auto if_known = [&](std::uint64_t bytes) { return dropped.gives_back_known ? Cell(bytes) : Cell(); };
  document.fields.push_back(
      {{"without", "", Kind::kText, Audience::kPrograms},
       Record{{{"owner"}, owner},
              {{"objects", "", Kind::kCount}, dropped.objects},
              {{"freed_bytes", "", Kind::kBytes}, dropped.bytes.freed},
              {{"given_back_bytes", "", Kind::kBytes}, if_known(dropped.bytes.at_once)},
              {{"malloc_trim_bytes", "", Kind::kBytes}, if_known(dropped.bytes.trimmed)}}});
  const std::string gives_back =
      dropped.gives_back_known
          ? human_bytes(dropped.bytes.at_once) +
                " go back to the system as they do, and malloc_trim(0) would then give back " +
                human_bytes(dropped.bytes.trimmed) + ", now " + human_bytes(dropped.trimmed_now)
          : "how much of that goes back to the system a snapshot does not say: ask the process, or a core "
            "file of it";
  document.fields.push_back({{"without_text", "without it", Kind::kSentence, Audience::kPeople},
                             "without " + owner + " " + grouped(dropped.objects) + " objects go, " +
                                 human_bytes(dropped.bytes.freed) + " with their buffers; " + gives_back});
}

Field pymalloc_of(const PymallocFigures& p) {
  const auto bytes = [](const char* key, std::uint64_t n) { return Field{{key, "", Kind::kBytes}, n}; };
  Table sizes{.key = "sizes",
              .columns = {{"size", "", Kind::kBytes},
                          {"pools", "", Kind::kCount},
                          {"used_blocks", "", Kind::kCount},
                          {"available_blocks", "", Kind::kCount}}};
  for (const PymallocFigures::OfSize& s : p.sizes)
    sizes.rows.push_back({s.size, s.pools, s.used, s.available});
  return {{"pymalloc", "", Kind::kText, Audience::kPrograms},
          Record{{{"arenas", "", Kind::kCount}, p.arenas},
                 bytes("used_bytes", p.used),
                 bytes("available_bytes", p.available),
                 bytes("unused_pool_bytes", p.unused_pools),
                 bytes("pool_header_bytes", p.pool_headers),
                 bytes("quantization_bytes", p.quantization),
                 bytes("alignment_bytes", p.alignment),
                 {{"sizes", "", Kind::kText}, Tables{std::move(sizes)}}}};
}

}  // namespace

Document memory_document(const Heap& heap, const MemoryReportOptions& options) {
  const MemoryBill bill = memory_bill(heap);

  Document document;
  const auto field = [&](const char* key, const char* title, Kind kind, Cell value) {
    document.fields.push_back({{key, title, kind}, std::move(value)});
  };
  field("verdict", "verdict", Kind::kSentence, bill.verdict_text);
  field("rss", bill.residency_known ? "RSS" : "bytes in the core", Kind::kBytes, bill.rss);
  field("sum", "sum of the rows", Kind::kBytes, bill.sum);
  field("malloc_trim_bytes", "malloc_trim(0) frees", Kind::kBytes, bill.malloc_trim_bytes);
  if (bill.residency_known) {
    field("page_tables", "page tables, beside", Kind::kBytes, bill.page_tables);
    field("swapped", "swapped out, beside", Kind::kBytes, bill.swapped);
    if (const auto memory = heap.target().resident_memory(); memory && memory->proportional > 0) {
      field("pss", "its share of the RSS (Pss)", Kind::kBytes, memory->proportional);
      field("shared", "mapped by others too", Kind::kBytes, memory->mapped_by_others);
      field("shared_anonymous", "shared by forking", Kind::kBytes, memory->anonymous_mapped_by_others);
    }
  }
  field("pinned_bytes", "free, pinned by what lives", Kind::kBytes, bill.pinned);
  if (!options.without.empty()) add_without(heap, options.without, document);
  document.fields.push_back(pymalloc_of(bill.pymalloc));
  document.sections.push_back(rows_of(bill, options.most));
  constexpr std::uint64_t kWorthTelling = 20;  // of the sum, one part in so many
  if ((options.always_pins || bill.pinned * kWorthTelling >= bill.sum) && !bill.pins.empty())
    document.sections.push_back(pins_of(bill, options.most));
  if (options.arenas) document.sections.push_back(arenas_of(bill));
  for (const std::string& doubt : bill.doubts) document.notes.push_back(doubt);
  const bool named = std::any_of(bill.pins.begin(), bill.pins.end(),
                                 [](const PinnedRow& row) { return !row.owner.empty(); });
  if (options.owners && !named && !bill.pins.empty())
    document.notes.push_back(
        bill.pinned * kWorthOwners < bill.sum
            ? "owners are looked for where a fiftieth of the memory or more is free and pinned"
            : "this snapshot does not say whose the objects are that keep free memory from being given back: "
              "ask the "
              "process, or a core file of it");
  return document;
}

}  // namespace heapglass
