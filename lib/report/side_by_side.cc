#include "lib/report/side_by_side.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/compare/type_growth.h"
#include "lib/render/numbers.h"
#include "lib/report/diff_report.h"

namespace heapglass {
namespace {

struct Both {
  std::string name, detail;
  std::uint64_t objects_a = 0, objects_b = 0, bytes_a = 0, bytes_b = 0;
  std::int64_t bytes_delta() const { return static_cast<std::int64_t>(bytes_b - bytes_a); }
};

// Their number before.
std::size_t keep_the_largest(std::vector<Both>& rows, std::size_t most) {
  const auto before = [](const Both& x, const Both& y) {
    const std::uint64_t dx = std::max(x.bytes_a, x.bytes_b) - std::min(x.bytes_a, x.bytes_b);
    const std::uint64_t dy = std::max(y.bytes_a, y.bytes_b) - std::min(y.bytes_a, y.bytes_b);
    return dx != dy ? dx > dy : x.bytes_b > y.bytes_b;
  };
  std::stable_sort(rows.begin(), rows.end(), before);
  const std::size_t all = rows.size();
  rows.resize(std::min(most, all));
  return all;
}

Table table_of(std::string key, std::string title, const char* name, const char* detail,
               std::vector<Both> rows, std::size_t most) {
  const std::size_t all = keep_the_largest(rows, most);
  Table table{.key = std::move(key), .title = std::move(title), .columns = {{name, name, Kind::kText}}};
  if (detail) table.columns.push_back({detail, detail, Kind::kText});
  for (const Column& column : std::vector<Column>{{"count_a", "objects in A", Kind::kCount},
                                                  {"count_b", "objects in B", Kind::kCount},
                                                  {"count_delta", "objects", Kind::kCountDelta},
                                                  {"bytes_a", "bytes in A", Kind::kBytes},
                                                  {"bytes_b", "bytes in B", Kind::kBytes},
                                                  {"bytes_delta", "bytes", Kind::kBytesDelta}})
    table.columns.push_back(column);
  for (Both& row : rows) {
    Row cells{std::move(row.name)};
    if (detail) cells.emplace_back(std::move(row.detail));
    for (Cell cell : {Cell(row.objects_a), Cell(row.objects_b),
                      Cell(static_cast<std::int64_t>(row.objects_b - row.objects_a)), Cell(row.bytes_a),
                      Cell(row.bytes_b), Cell(row.bytes_delta())})
      cells.push_back(std::move(cell));
    table.rows.push_back(std::move(cells));
  }
  if (all > table.rows.size())
    table.notes.push_back(grouped(all - table.rows.size()) + " more rows of " + table.key +
                          ", which differ less, are not in this page");
  return table;
}

Table bill_table(const MemoryBill& a, const MemoryBill& b, std::size_t most) {
  std::map<std::pair<MemoryKind, std::string>, Both> rows;
  const auto row_of = [&](const MemoryRow& row) -> Both& {
    Both& both = rows[{row.kind, row.detail}];
    both.name = name_of(row.kind);
    both.detail = row.detail;
    return both;
  };
  for (const MemoryRow& row : a.rows) {
    Both& both = row_of(row);
    both.bytes_a += row.bytes;
    both.objects_a += row.objects;
  }
  for (const MemoryRow& row : b.rows) {
    Both& both = row_of(row);
    both.bytes_b += row.bytes;
    both.objects_b += row.objects;
  }
  // The categories stay whole: what is left out of one is one row of it, so that it adds up.
  std::map<MemoryKind, std::vector<Both>> by_kind;
  for (auto& [key, both] : rows) by_kind[key.first].push_back(std::move(both));
  std::vector<Both> kept;
  for (auto& [kind, all] : by_kind) {
    std::vector<Both> largest = all;
    const std::size_t in_all = keep_the_largest(largest, most);
    if (in_all > largest.size()) {
      Both rest{.name = std::string(name_of(kind)),
                .detail = std::to_string(in_all - largest.size()) + " others"};
      for (const Both& each : all) {
        rest.bytes_a += each.bytes_a;
        rest.bytes_b += each.bytes_b;
        rest.objects_a += each.objects_a;
        rest.objects_b += each.objects_b;
      }
      for (const Both& each : largest) {
        rest.bytes_a -= each.bytes_a;
        rest.bytes_b -= each.bytes_b;
        rest.objects_a -= each.objects_a;
        rest.objects_b -= each.objects_b;
      }
      largest.push_back(std::move(rest));
    }
    for (Both& each : largest) kept.push_back(std::move(each));
  }
  const std::size_t all_kept = kept.size();
  return table_of("bill", "Memory", "category", "detail", std::move(kept), all_kept);
}

}  // namespace

Document side_by_side_document(const HeapSummary& a, const HeapSummary& b, std::size_t most) {
  Document document;
  add_other_program(a, b, document);
  if (a.bill && b.bill)
    document.sections.push_back(bill_table(*a.bill, *b.bill, most));
  else
    document.notes.push_back("the memory is not compared: " +
                             (a.bill ? b.target + ": " + b.why_no_bill : a.target + ": " + a.why_no_bill));
  std::vector<Both> types, owners;
  for (const TypeGrowth& row : type_growth(a.types, b.types))
    types.push_back({row.type, "", row.count_before, row.count_after, row.bytes_before, row.bytes_after});
  for (const OwnerGrowth& row : owner_growth(a.owners, b.owners))
    owners.push_back(
        {row.path, row.what, row.objects_before, row.objects_after, row.bytes_before, row.bytes_after});
  document.sections.push_back(table_of("types", "Types", "type", nullptr, std::move(types), most));
  document.sections.push_back(table_of("owners", "Owners", "path", "what", std::move(owners), most));
  return document;
}

}  // namespace heapglass
