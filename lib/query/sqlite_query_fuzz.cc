// Any text as SQL, over a small table: an answer or an error, and nothing outside of the table.
#include "lib/base/error.h"
#include "lib/query/sqlite_query.h"

namespace {

using namespace heapglass;

class Small final : public QueryTable {
 public:
  std::string_view name() const override { return "objects"; }
  std::vector<QueryColumn> columns() const override {
    return {{"id", "INTEGER", ""}, {"type", "TEXT", ""}, {"size", "INTEGER", ""}};
  }
  std::uint64_t rows() override { return 7; }
  QueryValue value(std::uint64_t row, int column) override {
    if (row >= 7 || column < 0 || column > 2) __builtin_trap();
    if (column == 1) return row % 2 ? QueryValue(std::string_view("dict")) : QueryValue();
    return static_cast<std::int64_t>(row * 16);
  }
  std::uint64_t rows_found_by(int column) const override { return column == 0 ? 1 : 0; }
  QueryRows find(int, const QueryKey& key) override {
    const auto* wanted = std::get_if<std::int64_t>(&key);
    if (!wanted || *wanted % 16 || *wanted < 0 || *wanted >= 7 * 16) return {};
    return QueryRows::these({static_cast<std::uint64_t>(*wanted / 16)});
  }
  bool has_order(int) const override { return false; }
  QueryRows in_order(int) override { return {}; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 300) return 0;  // what may take as long as it likes is found soon enough
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("RECURSIVE") != std::string::npos || text.find("recursive") != std::string::npos) return 0;
  Small small;
  const QuerySchema schema{{&small}, {}};
  try {
    (void)run_query(schema, text, {.rows = 50});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUsage) __builtin_trap();
  }
  return 0;
}
