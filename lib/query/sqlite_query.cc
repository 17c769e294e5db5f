#include "lib/query/sqlite_query.h"

#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "lib/base/error.h"

namespace heapglass {

QueryRows QueryTable::find(int, const QueryKey&) { return QueryRows::range(0, rows()); }
QueryRows QueryTable::in_order(int) { return QueryRows::range(0, rows()); }

namespace {

// SQLite's own structs come first in ours, as its interface for virtual tables wants it.
struct Table : sqlite3_vtab {
  QueryTable* of = nullptr;
};

struct Cursor : sqlite3_vtab_cursor {
  QueryRows rows;
  std::uint64_t at = 0;
  bool backwards = false;
  std::uint64_t row = 0;  // the one that is at, asked once a column
  bool done() const { return at >= rows.size(); }
  void look() {
    if (!done()) row = rows[backwards ? rows.size() - 1 - at : at];
  }
};

QueryTable& table_of(sqlite3_vtab_cursor* cursor) { return *static_cast<Table*>(cursor->pVtab)->of; }

int connect(sqlite3* db, void* table, int, const char* const*, sqlite3_vtab** out, char**) {
  auto& of = *static_cast<QueryTable*>(table);
  std::string schema = "CREATE TABLE x(";
  for (const QueryColumn& c : of.columns())
    schema += (schema.back() == '(' ? "\"" : ", \"") + std::string(c.name) + "\" " + std::string(c.type);
  const int result = sqlite3_declare_vtab(db, (schema + ")").c_str());
  if (result != SQLITE_OK) return result;
  auto made = std::make_unique<Table>();
  made->of = &of;
  *out = made.release();
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

// How the rows of a cursor are found, as a number that SQLite keeps for us.
struct Path {
  enum Kind { kAll, kByValue, kAscending, kDescending } kind = kAll;
  int column = 0;
  int number() const { return column * 4 + kind; }
  static Path of(int number) { return {static_cast<Kind>(number % 4), number / 4}; }
};

int best_index(sqlite3_vtab* vtab, sqlite3_index_info* info) {
  QueryTable& table = *static_cast<Table*>(vtab)->of;
  const std::uint64_t all = table.rows();
  Path path;
  info->estimatedCost = static_cast<double>(all + 1);
  info->estimatedRows = static_cast<sqlite3_int64>(all);
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& c = info->aConstraint[i];
    if (!c.usable || c.op != SQLITE_INDEX_CONSTRAINT_EQ || c.iColumn < 0) continue;
    const std::uint64_t found = table.rows_found_by(c.iColumn);
    // Text that is equal in some other way, as with COLLATE NOCASE, is not found by looking it up.
    if (!found || std::string_view(sqlite3_vtab_collation(info, i)) != "BINARY") continue;
    const double cost = static_cast<double>(found) + 9;
    if (path.kind == Path::kByValue && cost >= info->estimatedCost) continue;
    for (int other = 0; other < i; ++other) info->aConstraintUsage[other].argvIndex = 0;
    path = {Path::kByValue, c.iColumn};
    info->aConstraintUsage[i].argvIndex = 1;
    info->estimatedCost = cost;
    info->estimatedRows = static_cast<sqlite3_int64>(found);
  }
  // What GROUP BY wants comes here too: descending, where there is an ORDER BY of whatever that is.
  if (path.kind == Path::kAll && info->nOrderBy == 1) {
    const auto& order = info->aOrderBy[0];
    if (order.iColumn >= 0 && table.has_order(order.iColumn)) {
      path = {order.desc ? Path::kDescending : Path::kAscending, order.iColumn};
      info->orderByConsumed = 1;
    }
  }
  info->idxNum = path.number();
  return SQLITE_OK;
}

int open(sqlite3_vtab*, sqlite3_vtab_cursor** out) {
  *out = new Cursor{};
  return SQLITE_OK;
}

int close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<Cursor*>(cursor);
  return SQLITE_OK;
}

// What is looked up, as the column has it; nullopt: no row has it. SQLite compares once more itself, so that
// a look-up may give too much but not too little: text that looks like a number is one to it, and so is 5.0.
std::optional<QueryKey> key_of(sqlite3_value* wanted, bool text) {
  if (text) {
    if (sqlite3_value_type(wanted) == SQLITE_NULL) return std::nullopt;
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(wanted));
    return std::string_view(bytes, static_cast<std::size_t>(sqlite3_value_bytes(wanted)));
  }
  const int type = sqlite3_value_numeric_type(wanted);
  if (type == SQLITE_INTEGER) return sqlite3_value_int64(wanted);
  if (type != SQLITE_FLOAT) return std::nullopt;
  const double number = sqlite3_value_double(wanted);
  if (!(number > -9e18 && number < 9e18)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

int filter(sqlite3_vtab_cursor* base, int number, const char*, int count, sqlite3_value** values) {
  auto& cursor = *static_cast<Cursor*>(base);
  QueryTable& table = table_of(base);
  const Path path = Path::of(number);
  cursor.at = 0;
  cursor.backwards = path.kind == Path::kDescending;
  if (path.kind == Path::kAscending || path.kind == Path::kDescending) {
    cursor.rows = table.in_order(path.column);
  } else if (path.kind == Path::kByValue && count > 0) {
    const bool text = table.columns()[static_cast<std::size_t>(path.column)].type == "TEXT";
    const std::optional<QueryKey> key = key_of(values[0], text);
    cursor.rows = key ? table.find(path.column, *key) : QueryRows();
  } else {
    cursor.rows = QueryRows::range(0, table.rows());
  }
  cursor.look();
  return SQLITE_OK;
}

int next(sqlite3_vtab_cursor* base) {
  auto& cursor = *static_cast<Cursor*>(base);
  ++cursor.at;
  cursor.look();
  return SQLITE_OK;
}

int eof(sqlite3_vtab_cursor* cursor) { return static_cast<Cursor*>(cursor)->done(); }

void give(sqlite3_context* out, const QueryValue& value) {
  struct Give {
    sqlite3_context* out;
    void operator()(std::monostate) const { sqlite3_result_null(out); }
    void operator()(std::int64_t n) const { sqlite3_result_int64(out, n); }
    void operator()(double n) const { sqlite3_result_double(out, n); }
    void operator()(const std::string& s) const {
      sqlite3_result_text64(out, s.data(), s.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    void operator()(std::string_view s) const {
      sqlite3_result_text64(out, s.data(), s.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
  };
  std::visit(Give{out}, value);
}

int column(sqlite3_vtab_cursor* base, sqlite3_context* out, int i) {
  give(out, table_of(base).value(static_cast<Cursor*>(base)->row, i));
  return SQLITE_OK;
}

int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(static_cast<Cursor*>(cursor)->row);
  return SQLITE_OK;
}

// No xCreate: the tables are there from the start and can be made by nobody.
const sqlite3_module kModule = [] {
  sqlite3_module m{};
  m.iVersion = 1;
  m.xConnect = connect;
  m.xBestIndex = best_index;
  m.xDisconnect = disconnect;
  m.xOpen = open;
  m.xClose = close;
  m.xFilter = filter;
  m.xNext = next;
  m.xEof = eof;
  m.xColumn = column;
  m.xRowid = rowid;
  return m;
}();

// Reading is all that a query may do: no file is attached, no extension loaded, no setting changed.
int authorize(void* reads, int action, const char* first, const char* second, const char*, const char*) {
  QueryReads& noted = *static_cast<QueryReads*>(reads);
  switch (action) {
    case SQLITE_READ:
      noted.columns.emplace(first, second);  // no column: that there are rows
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      noted.functions.emplace(second);
      return SQLITE_OK;
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

QueryValue value_of(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    default: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_blob(value));
      return std::string(text ? text : "", static_cast<std::size_t>(sqlite3_value_bytes(value)));
    }
  }
}

void call_function(sqlite3_context* out, int, sqlite3_value** arguments) {
  const auto& function = *static_cast<const QueryFunction*>(sqlite3_user_data(out));
  give(out, function.call(value_of(arguments[0])));
}

[[noreturn]] void fail(sqlite3* db, const std::string& sql) {
  std::string why = sqlite3_errmsg(db);
  if (why == "not authorized") why = "a query reads, and does nothing else";
  const int at = sqlite3_error_offset(db);
  throw Error(ErrorKind::kUsage, "the query cannot be run: " + why,
              at >= 0 && static_cast<std::size_t>(at) < sql.size()
                  ? "at '" + sql.substr(static_cast<std::size_t>(at), 40) + "'; --tables shows what there is"
                  : "--tables shows what there is");
}

// Ends the statements of a database when their time is over, until this goes.
class Deadline {
 public:
  Deadline(sqlite3* db, const QueryLimits& limits) {
    if (limits.time.count() > 0) thread_ = std::thread([this, db, &limits] { watch(db, limits); });
  }
  ~Deadline() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    ended_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  bool is_over() const { return over_; }

 private:
  void watch(sqlite3* db, const QueryLimits& limits) {
    constexpr std::chrono::milliseconds kGrace{1000};
    constexpr std::chrono::milliseconds kAgain{
        20};  // what begins right after an interruption has not heard it
    std::unique_lock lock(mutex_);
    const auto is_done = [this] { return done_; };
    if (ended_.wait_for(lock, limits.time, is_done)) return;
    over_ = true;
    for (std::chrono::milliseconds waited{0}; waited < kGrace; waited += kAgain) {
      sqlite3_interrupt(db);
      if (ended_.wait_for(lock, kAgain, is_done)) return;
    }
    if (limits.on_stuck) limits.on_stuck();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

std::vector<QueryValue> row_of(sqlite3_stmt* statement, int columns) {
  std::vector<QueryValue> row;
  for (int i = 0; i < columns; ++i) {
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_INTEGER:
        row.emplace_back(std::int64_t{sqlite3_column_int64(statement, i)});
        break;
      case SQLITE_FLOAT:
        row.emplace_back(sqlite3_column_double(statement, i));
        break;
      case SQLITE_NULL:
        row.emplace_back();
        break;
      default: {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_blob(statement, i));
        row.emplace_back(
            std::string(text ? text : "", static_cast<std::size_t>(sqlite3_column_bytes(statement, i))));
      }
    }
  }
  return row;
}

using Database = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;

Database open_database() {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nullptr);
  Database db(raw, sqlite3_close);
  if (opened != SQLITE_OK) throw Error(ErrorKind::kFile, "SQLite cannot be set up");
  // Large sorts are kept in memory: what is sorted came from a process, and files cannot be made here.
  sqlite3_exec(raw, "PRAGMA temp_store = MEMORY", nullptr, nullptr, nullptr);
  return db;
}

// What the queries of this database look at is added to `reads`.
Database open_schema(const QuerySchema& schema, QueryReads& reads) {
  Database db = open_database();
  for (const QueryFunction& function : schema.functions)
    sqlite3_create_function_v2(db.get(), std::string(function.name).c_str(), 1,
                               SQLITE_UTF8 | SQLITE_DETERMINISTIC, const_cast<QueryFunction*>(&function),
                               call_function, nullptr, nullptr, nullptr);
  for (QueryTable* table : schema.tables) {
    const std::string name(table->name());
    sqlite3_create_module_v2(db.get(), name.c_str(), &kModule, table, nullptr);
    // Declaring its columns counts as making a table, which nobody may from here on.
    sqlite3_exec(db.get(), ("SELECT 1 FROM \"" + name + "\" LIMIT 0").c_str(), nullptr, nullptr, nullptr);
  }
  sqlite3_set_authorizer(db.get(), authorize, &reads);
  return db;
}

using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

// Null: the time was over before the plan was made. Throws Error kUsage.
Statement prepare(sqlite3* db, const std::string& sql, const Deadline& deadline) {
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  const int prepared = sqlite3_prepare_v2(db, sql.c_str(), static_cast<int>(sql.size()) + 1, &raw, &rest);
  Statement statement(raw, sqlite3_finalize);
  if (prepared == SQLITE_INTERRUPT && deadline.is_over()) return {nullptr, sqlite3_finalize};
  if (prepared != SQLITE_OK) fail(db, sql);
  if (!statement)
    throw Error(ErrorKind::kUsage, "the query is empty", "give one SELECT; --tables shows what there is");
  if (std::string(rest).find_first_not_of(" \t\n\r;") != std::string::npos)
    throw Error(ErrorKind::kUsage, "one query at a time: '" + std::string(rest) + "' is left over");
  return statement;
}

}  // namespace

QueryResult run_query(const QuerySchema& schema, const std::string& sql, const QueryLimits& limits) {
  QueryReads reads;
  const Database db = open_schema(schema, reads);
  sqlite3* const raw = db.get();
  QueryResult result;
  const Deadline deadline(raw, limits);  // planning can take long too
  const Statement prepared = prepare(raw, sql, deadline);
  sqlite3_stmt* const statement = prepared.get();
  result.timed_out = !statement;
  if (result.timed_out) return result;
  const int columns = sqlite3_column_count(statement);
  for (int i = 0; i < columns; ++i) result.columns.emplace_back(sqlite3_column_name(statement, i));
  for (int step = SQLITE_ROW; (step = sqlite3_step(statement)) != SQLITE_DONE;) {
    result.timed_out = deadline.is_over();
    if (result.timed_out) break;
    if (step != SQLITE_ROW) fail(raw, sql);
    if (limits.rows && result.rows.size() == limits.rows) {
      result.cut = true;
      break;
    }
    result.rows.push_back(row_of(statement, columns));
  }
  return result;
}

std::optional<QueryReads> check_query(const QuerySchema& schema, const std::string& sql,
                                      const QueryLimits& limits) {
  QueryReads reads;
  const Database db = open_schema(schema, reads);
  const Deadline deadline(db.get(), limits);
  if (!prepare(db.get(), sql, deadline)) return std::nullopt;
  return reads;
}

std::vector<std::string> sql_words() {
  static constexpr std::string_view kOfSelect[] = {
      "ALL",     "AND",       "AS",        "ASC",       "BETWEEN", "BY",        "CASE",   "CAST",   "COLLATE",
      "CROSS",   "CURRENT",   "DESC",      "DISTINCT",  "ELSE",    "END",       "ESCAPE", "EXCEPT", "EXISTS",
      "FILTER",  "FIRST",     "FOLLOWING", "FROM",      "FULL",    "GLOB",      "GROUP",  "HAVING", "IN",
      "INNER",   "INTERSECT", "IS",        "ISNULL",    "JOIN",    "LAST",      "LEFT",   "LIKE",   "LIMIT",
      "NATURAL", "NOT",       "NOTNULL",   "NULL",      "NULLS",   "OFFSET",    "ON",     "OR",     "ORDER",
      "OUTER",   "OVER",      "PARTITION", "PRECEDING", "RANGE",   "RECURSIVE", "RIGHT",  "ROWS",   "SELECT",
      "THEN",    "UNBOUNDED", "UNION",     "USING",     "VALUES",  "WHEN",      "WHERE",  "WINDOW", "WITH"};
  std::vector<std::string> words;
  for (const std::string_view word : kOfSelect)
    if (sqlite3_keyword_check(word.data(), static_cast<int>(word.size()))) words.emplace_back(word);
  const Database db = open_database();
  sqlite3_exec(
      db.get(), "SELECT DISTINCT name FROM pragma_function_list WHERE name GLOB '[a-z]*'",
      [](void* to, int, char** values, char**) {
        static_cast<std::vector<std::string>*>(to)->emplace_back(values[0]);
        return 0;
      },
      &words, nullptr);
  std::sort(words.begin(), words.end());
  return words;
}

}  // namespace heapglass
