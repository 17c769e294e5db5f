#include "lib/report/growth_lines.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace heapglass {
namespace {

constexpr std::size_t kMostLines = 24;

struct GrowthLine {
  std::string name;
  std::vector<std::uint64_t> bytes, objects;
  // From the least to the most.
  std::uint64_t range() const {
    const auto [least, most] = std::minmax_element(bytes.begin(), bytes.end());
    return *most - *least;
  }
};

Record record_of(const GrowthLine& line, const CaptureTimes& at) {
  const std::vector<double> values(line.bytes.begin(), line.bytes.end());
  const ChangePoint change = find_change(at.times, values);
  Record what{{{"kind"}, name_of(change.kind)}};
  if (change.kind == ChangePoint::Kind::kStep || change.kind == ChangePoint::Kind::kRate)
    for (Field field : std::initializer_list<Field>{{{"capture"}, std::uint64_t{change.look}},
                                                    {{"before"}, change.before},
                                                    {{"after"}, change.after},
                                                    {{"step"}, change.step}})
      what.push_back(std::move(field));
  return {{{"name"}, line.name},
          {{"bytes"}, List(line.bytes.begin(), line.bytes.end())},
          {{"objects"}, List(line.objects.begin(), line.objects.end())},
          {{"change"}, std::move(what)}};
}

class GrowthLines {
 public:
  explicit GrowthLines(std::size_t captures) : captures_(captures) {}
  void add(std::size_t capture, const std::string& name, std::uint64_t bytes, std::uint64_t objects) {
    const auto [at, is_new] = known_.try_emplace(name, lines_.size());
    if (is_new)
      lines_.push_back({name, std::vector<std::uint64_t>(captures_), std::vector<std::uint64_t>(captures_)});
    lines_[at->second].bytes[capture] += bytes;
    lines_[at->second].objects[capture] += objects;
  }
  // What grew or shrank the most.
  List take(const CaptureTimes& at) {
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const GrowthLine& a, const GrowthLine& b) { return a.range() > b.range(); });
    List out;
    for (const GrowthLine& line : lines_) {
      if (out.size() == kMostLines || line.range() == 0) break;
      out.push_back(record_of(line, at));
    }
    return out;
  }

 private:
  const std::size_t captures_;
  std::vector<GrowthLine> lines_;
  std::unordered_map<std::string, std::size_t> known_;
};

}  // namespace

CaptureTimes capture_times(const std::vector<HeapSummary>& summaries) {
  CaptureTimes out{.are_seconds = true};
  for (const HeapSummary& each : summaries) {
    const double time = static_cast<double>(each.time - summaries.front().time);
    out.are_seconds &= out.times.empty() || time > out.times.back();
    out.times.push_back(time);
  }
  if (!out.are_seconds) std::iota(out.times.begin(), out.times.end(), 0);
  return out;
}

std::string name_of(ChangePoint::Kind kind) {
  switch (kind) {
    case ChangePoint::Kind::kStep:
      return "step";
    case ChangePoint::Kind::kRate:
      return "rate";
    case ChangePoint::Kind::kUnsure:
      return "unsure";
    case ChangePoint::Kind::kNone:
      break;
  }
  return "none";
}

Document growth_document(const std::vector<HeapSummary>& summaries) {
  GrowthLines types(summaries.size()), owners(summaries.size());
  GrowthLine all{.name = "all objects"}, resident{.name = "RSS"};
  List captures;
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    const HeapSummary& each = summaries[i];
    captures.push_back(Record{{{"target"}, each.target},
                              {{"time"}, each.time},
                              {{"objects"}, each.objects},
                              {{"bytes"}, each.bytes},
                              {{"rss"}, each.resident ? Cell(each.resident->rss) : Cell()}});
    for (const TypeCount& row : each.types) types.add(i, row.type, all_bytes(row), row.count);
    for (const OwnerCount& row : each.owners) owners.add(i, row.path, row.bytes, row.objects);
    all.bytes.push_back(each.bytes);
    all.objects.push_back(each.objects);
    if (each.resident) resident.bytes.push_back(each.resident->rss);
    resident.objects.push_back(each.objects);
  }
  const CaptureTimes at = capture_times(summaries);
  List total{record_of(all, at)};
  if (resident.bytes.size() == summaries.size()) total.insert(total.begin(), record_of(resident, at));
  Document document;
  document.fields.push_back({{"captures"}, std::move(captures)});
  document.fields.push_back({{"rates_per"}, at.are_seconds ? "second" : "capture"});
  document.fields.push_back({{"total"}, std::move(total)});
  document.fields.push_back({{"types"}, types.take(at)});
  document.fields.push_back({{"owners"}, owners.take(at)});
  if (summaries.size() < kFewestLooks)
    document.notes.push_back("whether growth changed on the way is not said of fewer than " +
                             std::to_string(kFewestLooks) + " captures");
  return document;
}

}  // namespace heapglass
