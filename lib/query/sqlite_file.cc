#include "lib/query/sqlite_file.h"

#include <sqlite3.h>

#include <memory>

#include "lib/base/error.h"
#include "lib/query/sqlite_descriptor.h"

namespace heapglass {
namespace {

class File {
 public:
  File(int descriptor, std::string name) : name_(std::move(name)) {
    sqlite3* raw = nullptr;
    const DescriptorFiles files(descriptor);
    const int opened = sqlite3_open_v2("database", &raw, SQLITE_OPEN_READWRITE, files.name());
    db_.reset(raw);
    if (opened != SQLITE_OK) fail();
    // Nobody sees the file before it is whole, so that it needs no way back.
    run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; "
        "PRAGMA temp_store = MEMORY");
  }
  void run(const std::string& sql) const {
    if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }
  [[noreturn]] void fail() const {
    throw Error(ErrorKind::kFile, "cannot write " + name_ + ": " + sqlite3_errmsg(db_.get()));
  }
  sqlite3* db() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  const std::string name_;
  std::unique_ptr<sqlite3, Close> db_;
};

struct Bind {
  sqlite3_stmt* statement;
  int at;
  StoredText stored;
  int operator()(std::monostate) const { return sqlite3_bind_null(statement, at); }
  int operator()(std::int64_t n) const { return sqlite3_bind_int64(statement, at, n); }
  int operator()(double n) const { return sqlite3_bind_double(statement, at, n); }
  int operator()(std::string_view text) const {
    const std::string s = stored(text);
    return sqlite3_bind_text64(statement, at, s.data(), s.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
};

void save(QueryTable& table, const File& file, StoredText stored) {
  const std::string name(table.name());
  std::string columns, places;
  for (const QueryColumn& c : table.columns()) {
    columns += (columns.empty() ? "\"" : ", \"") + std::string(c.name) + "\" " + std::string(c.type);
    if (name == "objects" && c.name == "id") columns += " PRIMARY KEY";
    places += places.empty() ? "?" : ", ?";
  }
  file.run("CREATE TABLE \"" + name + "\"(" + columns + ")");
  sqlite3_stmt* raw = nullptr;
  const std::string insert = "INSERT INTO \"" + name + "\" VALUES (" + places + ")";
  if (sqlite3_prepare_v2(file.db(), insert.c_str(), -1, &raw, nullptr) != SQLITE_OK) file.fail();
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
  const int width = static_cast<int>(table.columns().size());
  for (std::uint64_t row = 0, rows = table.rows(); row < rows; ++row) {
    for (int i = 0; i < width; ++i)
      if (std::visit(Bind{raw, i + 1, stored}, table.value(row, i)) != SQLITE_OK) file.fail();
    if (sqlite3_step(raw) != SQLITE_DONE) file.fail();
    sqlite3_reset(raw);
  }
}

}  // namespace

void save_as_sqlite(std::span<QueryTable* const> tables, int descriptor, const std::string& name,
                    StoredText stored) {
  const File file(descriptor, name);
  file.run("BEGIN");
  for (QueryTable* const table : tables) {
    save(*table, file, stored);
    if (table->name() == "refs")
      file.run("CREATE INDEX refs_by_holder ON refs(holder); CREATE INDEX refs_by_held ON refs(held)");
  }
  file.run("COMMIT");
}

}  // namespace heapglass
