#include "lib/export/fleet_rows.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "lib/compare/heap_summary.h"
#include "lib/leaks/find_suspects.h"
#include "lib/report/leaks_report.h"
#include "lib/report/service_name.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {
namespace {

constexpr std::size_t kMostTypes = 300, kMostOwners = 300, kMostSuspects = 50;

std::int64_t number(std::uint64_t n) { return static_cast<std::int64_t>(n); }

// The numbers of kColumns, by which value() knows them; those of kFleetLabels follow.
enum Column {
  kSchemaVersion,
  kTool,
  kSubject,
  kService,
  kHost,
  kPid,
  kProgram,
  kPython,
  kTime,
  kRss,
  kPss,
  kMemoryLimit,
  kName,
  kKind,
  kRank,
  kObjects,
  kBytes,
  kEntries,
  kRetained,
  kCertainty,
  kFirstLabel
};
constexpr QueryColumn kColumns[] = {
    {"schema_version", "INTEGER", "of these columns: 1"},
    {"tool", "TEXT", "the version of heapglass"},
    {"subject", "TEXT", "what this row is of: capture, bill, type, owner, suspect"},
    {"service", "TEXT", "--service, or the name of the target's program"},
    {"host", "TEXT", "--host, or where the capture was taken"},
    {"pid", "INTEGER", "the process"},
    {"program", "TEXT", "the name of the target's program"},
    {"python", "TEXT", "the version of CPython"},
    {"time", "INTEGER", "of the capture, seconds since 1970"},
    {"rss", "INTEGER", "resident memory of the process, bytes"},
    {"pss", "INTEGER", "the same with shared pages divided, bytes"},
    {"memory_limit", "INTEGER", "of its control group, bytes; NULL: none, or not known"},
    {"name", "TEXT", "of the type, the owner, the kind of memory; of a suspect its owner"},
    {"kind", "TEXT", "of an owner its type, of a suspect its pattern"},
    {"rank", "INTEGER", "of a suspect, from 1"},
    {"objects", "INTEGER", "how many"},
    {"bytes", "INTEGER", "theirs; of a suspect what would be freed"},
    {"entries", "INTEGER", "of an owner that is a container: its length"},
    {"retained", "INTEGER", "what would be freed if all went, bytes"},
    {"certainty", "REAL", "of a suspect: how often such a thing is a leak, 0 to 1"},
};

static_assert(std::size(kColumns) == kFirstLabel);

// The largest of each, the others as one row.
template <class T, class Bytes, class Objects>
std::vector<T> largest(std::vector<T> rows, std::size_t most, Bytes bytes, Objects objects,
                       std::uint64_t& other_bytes, std::uint64_t& other_objects) {
  std::stable_sort(rows.begin(), rows.end(), [&](const T& a, const T& b) { return bytes(a) > bytes(b); });
  other_bytes = other_objects = 0;
  for (std::size_t i = most; i < rows.size(); ++i) {
    other_bytes += bytes(rows[i]);
    other_objects += objects(rows[i]);
  }
  if (rows.size() > most) rows.resize(most);
  return rows;
}

}  // namespace

std::string stable_name(const std::string& path) {
  std::string out;
  bool in_brackets = false;
  char quote = 0;
  for (std::size_t i = 0; i < path.size();) {
    const char c = path[i];
    if (in_brackets && quote) {
      if (c == '\\' && i + 1 < path.size()) {
        out += c;
        out += path[i + 1];
        i += 2;
        continue;
      }
      if (c == quote) quote = 0;
    } else if (in_brackets && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '[') {
      in_brackets = true;
    } else if (c == ']') {
      in_brackets = false;
    }
    const bool is_digit = std::isdigit(static_cast<unsigned char>(c));
    const bool is_address = path.compare(i, 2, "0x") == 0 && i + 2 < path.size() &&
                            std::isxdigit(static_cast<unsigned char>(path[i + 2]));
    if (is_address || (is_digit && (in_brackets || (i > 0 && path[i - 1] == '-')))) {
      if (is_address) i += 2;
      while (i < path.size() && (is_address ? std::isxdigit(static_cast<unsigned char>(path[i]))
                                            : std::isdigit(static_cast<unsigned char>(path[i]))))
        ++i;
      out += '*';
      continue;
    }
    out += c;
    ++i;
  }
  return out;
}

FleetRows::FleetRows(const Heap& heap, FleetPlace place)
    : place_(std::move(place)),
      python_(heap.python().version),
      program_(service_of(heap.target().command_line())),
      pid_(heap.target().pid()) {
  const HeapSummary summary = summarize(heap, {.identities = false});
  time_ = summary.time;
  if (summary.resident) {
    rss_ = number(summary.resident->rss);
    if (summary.resident->proportional) pss_ = number(summary.resident->proportional);
  }
  rows_.push_back({.subject = "capture",
                   .name = program_,
                   .objects = number(summary.objects),
                   .bytes = number(summary.bytes)});
  add_bill(heap);
  add_types_and_owners(summary);
  add_suspects(heap);
}

void FleetRows::add_bill(const Heap& heap) {
  const TakenBill taken = take_bill(heap);
  if (!taken.bill) return;
  if (!rss_ && taken.bill->residency_known) rss_ = number(taken.bill->rss);
  std::map<MemoryKind, MemoryRow> by_kind;
  for (const MemoryRow& row : taken.bill->rows) {
    by_kind[row.kind].bytes += row.bytes;
    by_kind[row.kind].objects += row.objects;
  }
  for (const auto& [kind, sum] : by_kind)
    rows_.push_back({.subject = "bill",
                     .name = std::string(name_of(kind)),
                     .objects = sum.objects ? std::optional(number(sum.objects)) : std::nullopt,
                     .bytes = number(sum.bytes)});
}

void FleetRows::add_types_and_owners(const HeapSummary& summary) {
  struct Type {
    const TypeCount* count;
    std::uint64_t retained;
  };
  std::vector<Type> types;
  types.reserve(summary.types.size());
  for (std::size_t i = 0; i < summary.types.size(); ++i)
    types.push_back({&summary.types[i], i < summary.retained.size() ? summary.retained[i] : 0});
  std::uint64_t bytes = 0, objects = 0;
  for (const Type& type : largest(
           std::move(types), kMostTypes, [](const Type& t) { return all_bytes(*t.count); },
           [](const Type& t) { return t.count->count; }, bytes, objects))
    rows_.push_back({.subject = "type",
                     .name = type.count->type,
                     .objects = number(type.count->count),
                     .bytes = number(all_bytes(*type.count)),
                     .retained = number(type.retained)});
  if (objects)
    rows_.push_back(
        {.subject = "type", .name = "(others)", .objects = number(objects), .bytes = number(bytes)});

  // Owners whose names differ in numbers alone are one.
  std::map<std::string, OwnerCount> by_name;
  for (const OwnerCount& owner : summary.owners) {
    OwnerCount& sum = by_name[stable_name(owner.path)];
    if (sum.path.empty()) sum.what = owner.what;
    if (sum.what != owner.what) sum.what.clear();
    sum.path = owner.path;
    sum.objects += owner.objects;
    sum.bytes += owner.bytes;
    if (owner.entries) sum.entries = sum.entries.value_or(0) + *owner.entries;
  }
  std::vector<std::pair<std::string, OwnerCount>> owners(by_name.begin(), by_name.end());
  for (auto& [name, owner] : largest(
           std::move(owners), kMostOwners, [](const auto& o) { return o.second.bytes; },
           [](const auto& o) { return o.second.objects; }, bytes, objects))
    rows_.push_back({.subject = "owner",
                     .name = name,
                     .kind = owner.what,
                     .objects = number(owner.objects),
                     .bytes = number(owner.bytes),
                     .entries = owner.entries ? std::optional(number(*owner.entries)) : std::nullopt});
  if (objects)
    rows_.push_back(
        {.subject = "owner", .name = "(others)", .objects = number(objects), .bytes = number(bytes)});
}

void FleetRows::add_suspects(const Heap& heap) {
  const LeakContext look(heap);
  std::vector<Suspect> suspects = find_suspects(look.search());
  if (suspects.size() > kMostSuspects) suspects.resize(kMostSuspects);
  std::int64_t rank = 0;
  for (const Suspect& suspect : suspects)
    rows_.push_back({.subject = "suspect",
                     .name = stable_name(suspect.owner),
                     .kind = std::string(suspect.pattern),
                     .rank = ++rank,
                     .objects = number(suspect.objects),
                     .bytes = number(suspect.bytes),
                     .retained = suspect.retained ? std::optional(number(suspect.retained)) : std::nullopt,
                     .certainty = suspect.certainty});
}

std::vector<QueryColumn> FleetRows::columns() const {
  std::vector<QueryColumn> columns(std::begin(kColumns), std::end(kColumns));
  for (const std::string_view label : kFleetLabels) columns.push_back({label, "TEXT", "--label"});
  return columns;
}

QueryValue FleetRows::value(std::uint64_t row, int column) {
  const Row& r = rows_[row];
  const auto maybe = [](const auto& value) -> QueryValue {
    if (!value) return {};
    return *value;
  };
  const auto text = [](const std::string& value) -> QueryValue {
    if (value.empty()) return {};
    return std::string_view(value);
  };
  switch (column) {
    case kSchemaVersion:
      return std::int64_t{kFleetSchema};
    case kTool:
      return text(place_.tool);
    case kSubject:
      return r.subject;
    case kService:
      return text(place_.service.empty() ? program_ : place_.service);
    case kHost:
      return text(place_.host);
    case kPid:
      return pid_;
    case kProgram:
      return text(program_);
    case kPython:
      return text(python_);
    case kTime:
      return time_;
    case kRss:
      return maybe(rss_);
    case kPss:
      return maybe(pss_);
    case kMemoryLimit:
      if (!place_.memory_limit) return {};
      return number(*place_.memory_limit);
    case kName:
      return text(r.name);
    case kKind:
      return text(r.kind);
    case kRank:
      return maybe(r.rank);
    case kObjects:
      return maybe(r.objects);
    case kBytes:
      return maybe(r.bytes);
    case kEntries:
      return maybe(r.entries);
    case kRetained:
      return maybe(r.retained);
    case kCertainty:
      return maybe(r.certainty);
    default:
      break;
  }
  const auto label = place_.labels.find(kFleetLabels[column - kFirstLabel]);
  return label == place_.labels.end() ? QueryValue() : text(label->second);
}

}  // namespace heapglass
