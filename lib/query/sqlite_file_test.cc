#include "lib/query/sqlite_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/error.h"

namespace heapglass {
namespace {

// So many rows that the database has pages to go back to.
class Numbers final : public QueryTable {
 public:
  explicit Numbers(std::uint64_t rows) : rows_(rows) {}
  std::string_view name() const override { return "objects"; }
  std::vector<QueryColumn> columns() const override { return {{"id", "INTEGER", ""}, {"text", "TEXT", ""}}; }
  std::uint64_t rows() override { return rows_; }
  QueryValue value(std::uint64_t row, int column) override {
    if (column == 0) return static_cast<std::int64_t>(row * 7919 % rows_);  // not in order
    return kText;
  }

 private:
  static constexpr std::string_view kText =
      "a text that takes some room, so that there are more pages than one would hold in mind";
  const std::uint64_t rows_;
};

std::string answer(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  std::string text;
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK)
    sqlite3_exec(
        db, sql,
        [](void* to, int count, char** values, char**) {
          for (int i = 0; i < count; ++i) *static_cast<std::string*>(to) += values[i];
          return 0;
        },
        &text, nullptr);
  sqlite3_close(db);
  return text;
}

// The file has no name that could be opened; nothing is made beside it.
std::string as_it_is(std::string_view text) { return std::string(text); }

TEST(SqliteFile, IsWrittenByItsDescriptor) {
  char folder[] = "/tmp/heapglass-test-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/out.db";
  const int file = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  Numbers numbers(10'000);
  QueryTable* const tables[] = {&numbers};
  save_as_sqlite(tables, file, "it", as_it_is);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  EXPECT_EQ(answer(path, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(answer(path, "SELECT count(*), sum(id), sum(length(text)) FROM objects"), "1000049995000850000");
  close(file);
  std::filesystem::remove_all(folder);
}

TEST(SqliteFile, AFullDiskIsAnError) {
  const int full = memfd_create("full", MFD_ALLOW_SEALING);
  ASSERT_EQ(ftruncate(full, 8192), 0);
  ASSERT_EQ(fcntl(full, F_ADD_SEALS, F_SEAL_GROW), 0);
  ASSERT_EQ(ftruncate(full, 0), 0);
  Numbers numbers(1000);
  QueryTable* const tables[] = {&numbers};
  EXPECT_THROW(save_as_sqlite(tables, full, "it", as_it_is), Error);
  close(full);
  const int reading = open("/dev/null", O_RDONLY);
  EXPECT_THROW(save_as_sqlite(tables, reading, "it", as_it_is), Error);
  close(reading);
}

}  // namespace
}  // namespace heapglass
