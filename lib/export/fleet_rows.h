// A capture in some hundred rows, for comparing thousands of captures: how much there is by type, by owner
// and by kind of memory, and what looks like a leak. One table, whose columns docs/manual/fleets.md has; no
// values of the target's are in it but those that stand in the names of owners.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/compare/heap_summary.h"
#include "lib/heap/heap.h"
#include "lib/query/query_table.h"

namespace heapglass {

constexpr int kFleetSchema = 1;  // a column more is a higher one; none goes or changes its meaning

// Where and of what a capture is, as far as the caller knows.
struct FleetPlace {
  std::string service, host, tool;
  std::map<std::string, std::string, std::less<>> labels;  // by names of kFleetLabels
  std::optional<std::uint64_t> memory_limit;               // of its control group, in bytes
};

// What a --label may be called: a column each.
constexpr std::string_view kFleetLabels[] = {"version", "image", "namespace", "pod", "node", "container"};

// The name of an owner or a suspect as it is in every process of a service: numbers behind "-", in brackets
// and in keys, and addresses, become "*".
std::string stable_name(const std::string& path);

class FleetRows final : public QueryTable {
 public:
  // Borrows nothing. The heap has references, residency and open files.
  FleetRows(const Heap& heap, FleetPlace place);

  std::string_view name() const override { return "fleet"; }
  std::vector<QueryColumn> columns() const override;
  std::uint64_t rows() override { return rows_.size(); }
  QueryValue value(std::uint64_t row, int column) override;

 private:
  struct Row {
    std::string_view subject;  // "capture", "bill", "type", "owner", "suspect"
    std::string name, kind;
    std::optional<std::int64_t> rank, objects, bytes, entries, retained;
    std::optional<double> certainty;
  };
  void add_bill(const Heap& heap);
  void add_types_and_owners(const HeapSummary& summary);
  void add_suspects(const Heap& heap);

  const FleetPlace place_;
  std::string python_, program_;
  std::int64_t pid_ = 0, time_ = 0;
  std::optional<std::int64_t> rss_, pss_;
  std::vector<Row> rows_;
};

}  // namespace heapglass
