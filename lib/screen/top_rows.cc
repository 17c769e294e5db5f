#include "lib/screen/top_rows.h"

#include <cmath>
#include <optional>
#include <unordered_map>
#include <utility>

#include "lib/report/memory_line.h"

namespace heapglass {
namespace {

std::optional<double> growth(std::uint64_t now, const std::optional<std::uint64_t>& then, double seconds) {
  if (!then || seconds <= 0) return std::nullopt;
  return (static_cast<double>(now) - static_cast<double>(*then)) / seconds;
}

TopRow row_of(const std::string& name, std::uint64_t objects, std::uint64_t bytes,
              std::optional<double> a_second, std::optional<double> since_start) {
  return {.id = name,
          .name = name.starts_with("builtins.") ? name.substr(9) : name,
          .values = {static_cast<double>(objects), static_cast<double>(bytes), a_second, since_start}};
}

// For a line of 80 columns.
std::string short_name(std::string_view key) {
  return key == "python_objects" ? "Python" : key == "files" ? "code, files" : std::string(key);
}

using Bytes = std::unordered_map<std::string, std::uint64_t>;

Bytes owner_bytes(const Sample* sample) {
  Bytes bytes;
  if (sample)
    for (const OwnerCount& owner : sample->summary.owners) bytes[owner.path] = owner.bytes;
  return bytes;
}

// Of one that was not there: 0. Where there is no earlier sample: not known.
std::optional<std::uint64_t> bytes_in(const Bytes& all, const Sample* sample, const std::string& name) {
  if (!sample || sample->summary.owners.empty()) return std::nullopt;
  const auto at = all.find(name);
  return at == all.end() ? 0 : at->second;
}

std::optional<std::uint64_t> bytes_in(const Sample* sample, const std::string& type) {
  if (!sample) return std::nullopt;
  const TypeCount* const row = sample->summary.type(type);
  return row ? all_bytes(*row) : 0;
}

}  // namespace

std::vector<TopRow> type_rows(const Sample& latest, const Sample* before, const Sample* first) {
  std::vector<TopRow> rows;
  rows.reserve(latest.summary.types.size());
  const double seconds = before ? latest.seconds - before->seconds : 0;
  for (const TypeCount& type : latest.summary.types) {
    const std::uint64_t bytes = all_bytes(type);
    rows.push_back(row_of(type.type, type.count, bytes, growth(bytes, bytes_in(before, type.type), seconds),
                          growth(bytes, bytes_in(first, type.type), 1)));
  }
  return rows;
}

std::vector<TopRow> owner_rows(const Sample& latest, const Sample* before, const Sample* first) {
  std::vector<TopRow> rows;
  rows.reserve(latest.summary.owners.size());
  const double seconds = before ? latest.seconds - before->seconds : 0;
  const Bytes earlier = owner_bytes(before), at_first = owner_bytes(first);
  for (const OwnerCount& owner : latest.summary.owners) {
    const auto a_second = growth(owner.bytes, bytes_in(earlier, before, owner.path), seconds);
    const auto in_all = growth(owner.bytes, bytes_in(at_first, first, owner.path), 1);
    rows.push_back(row_of(owner.path, owner.objects, owner.bytes, a_second, in_all));
    if (!owner.what.empty()) rows.back().name += "  " + owner.what;
  }
  return rows;
}

std::vector<TopPart> parts_of(const MemoryBill& bill) {
  std::vector<TopPart> parts;
  for (const MemoryPartSum& part : memory_part_sums(bill))
    parts.push_back({short_name(part.key), part.bytes});
  return parts;
}

std::vector<TopRow> ProcessRows::rows(const PythonProcesses& processes, double seconds) {
  constexpr double kMinute = 60, kSameStart = 5;
  std::vector<TopRow> rows;
  std::map<std::int32_t, Known> still;
  for (const PythonProcess& p : processes.found) {
    Known known = std::move(known_[p.pid]);
    const double born = seconds - p.age;
    if (std::abs(known.born - born) > kSameStart) known = {.born = born, .rss = {}};
    known.rss.emplace_back(seconds, p.rss);
    while (known.rss.size() > 2 && known.rss[1].first <= seconds - kMinute)
      known.rss.erase(known.rss.begin());
    const auto& [then, rss] = known.rss.front();
    const auto a_minute = growth(p.rss, rss, (seconds - then) / kMinute);
    const std::string pid = std::to_string(p.pid);
    const auto objects = objects_.find(pid);
    rows.push_back(
        {.id = pid,
         .name = p.python + (p.cannot.empty() ? "  " : " (not read)  ") + p.command,
         .values = {static_cast<double>(p.pid), static_cast<double>(p.rss),
                    p.proportional ? std::optional<double>(static_cast<double>(p.proportional))
                                   : std::nullopt,
                    a_minute,
                    objects == objects_.end() ? std::nullopt
                                              : std::optional<double>(static_cast<double>(objects->second)),
                    std::nullopt},
         .state = p.state});
    still[p.pid] = std::move(known);
  }
  known_ = std::move(still);
  return rows;
}

}  // namespace heapglass
