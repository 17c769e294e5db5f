#include "lib/report/since_report.h"

#include <cmath>
#include <ctime>
#include <set>

#include "lib/base/type_name.h"
#include "lib/compare/heap_summary.h"
#include "lib/compare/histogram.h"
#include "lib/render/numbers.h"
#include "lib/report/about.h"
#include "lib/report/diff_report.h"
#include "lib/report/growth_lines.h"

namespace heapglass {
namespace {

using Captures = std::vector<CaptureFacts>;
constexpr double kSecondsPerHour = 3600;

SizeAtCapture size_of_owner(const Heap& heap, const std::string& path) {
  const std::vector<OwnerCount> rows = owner_counts(heap.owners());
  SizeAtCapture out;
  for (const OwnerCount& row : rows) {
    const OwnerCount* at = &row;
    // No chain is longer than the list.
    for (std::size_t steps = 0; at->path != path && at->parent != Owner::kNone && steps < rows.size();
         ++steps)
      at = &rows[at->parent];
    if (at->path != path) continue;
    out.is_there = true;
    out.objects += row.objects;
    out.bytes += row.bytes;
    if (&row == at) out.entries = row.entries;
  }
  return out;
}

SizeAtCapture size_of_type(const Heap& heap, const std::string& type) {
  SizeAtCapture out;
  for (const TypeCount& row : histogram(heap.graph(), &heap.objects())) {
    if (!type_matches(row.type, type)) continue;
    out.objects += row.count;
    out.bytes += all_bytes(row);
  }
  out.is_there = out.objects > 0;
  return out;
}

std::string time_text(std::uint64_t ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  char text[32] = {};
  if (gmtime_r(&seconds, &utc)) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string named(const CaptureFacts& capture) {
  return capture.file + " (" + time_text(capture.time_ms) + ")";
}

Cell record_of(const Captures& captures, std::optional<std::size_t> i) {
  if (!i) return {};
  return Record{{{"file"}, captures[*i].file},
                {{"time"}, static_cast<double>(captures[*i].time_ms) / 1000},
                {{"capture"}, std::uint64_t{*i}}};
}

Cell record_before(const Captures& captures, std::optional<std::size_t> i) {
  return i && *i > 0 ? record_of(captures, *i - 1) : Cell();
}

bool has_changed(const Since& since) {
  return since.change.kind == ChangePoint::Kind::kStep || since.change.kind == ChangePoint::Kind::kRate;
}

std::string per_hour(double bytes_per_second) {
  const long long bytes = std::llround(bytes_per_second * kSecondsPerHour);
  return bytes == 0 ? "nothing" : signed_bytes(bytes) + " an hour";
}

std::string presence_text(const Since& since, const Captures& captures) {
  const std::size_t there = *since.there;
  std::string text = there == 0
                         ? "in the first already, " + named(captures[0])
                         : "from " + named(captures[there]) + " on; not in " + named(captures[there - 1]);
  const auto last = since.looked.rbegin();
  if (!last->second.is_there) text += "; not any more in " + named(captures[last->first]);
  return text;
}

std::string growth_text(const Since& since, const Captures& captures) {
  const ChangePoint& change = since.change;
  if (has_changed(since)) {
    const std::string at =
        named(captures[change.look]) + ", last before in " + named(captures[change.look - 1]);
    if (change.kind == ChangePoint::Kind::kStep)
      return "at once by " + signed_bytes(std::llround(change.step)) + " from " + at + "; " +
             per_hour(change.after) + " after it, " + per_hour(change.before) + " before";
    return "by " + per_hour(change.after) + " from " + at + "; by " + per_hour(change.before) + " before";
  }
  if (!since.larger)
    return "by " + per_hour(since.growth) + ": it is not larger in the last than in the first";
  return "by " + per_hour(since.growth) + " since " + named(captures[*since.larger - 1]) +
         ", the last before; larger in all from " + named(captures[*since.larger]) + " on";
}

Record growth_record(const Since& since, const Captures& captures) {
  const std::optional<std::size_t> from = has_changed(since) ? since.change.look : since.larger;
  const auto rate = [&](double growth) {
    return has_changed(since) ? Cell(growth * kSecondsPerHour) : Cell();
  };
  return {{{"change"}, name_of(since.change.kind)},
          {{"since"}, record_of(captures, from)},
          {{"last_before"}, record_before(captures, from)},
          {{"bytes_per_hour"}, since.growth * kSecondsPerHour},
          {{"bytes_per_hour_before"}, rate(since.change.before)},
          {{"step_bytes"}, has_changed(since) ? Cell(since.change.step) : Cell()}};
}

// What was looked at, in the order of time.
Table captures_table(const Since& since, const Captures& captures) {
  Table table{.key = "looked_at",
              .columns = {{"file", "file", Kind::kText},
                          {"when", "time", Kind::kText},
                          {"pid", "process", Kind::kPlainNumber},
                          {"there", "", Kind::kText, Audience::kPrograms},
                          {"objects", "objects", Kind::kCount},
                          {"entries", "entries", Kind::kCount},
                          {"bytes", "bytes", Kind::kBytes},
                          {"mark", "", Kind::kText, Audience::kPeople},
                          {"capture", "", Kind::kCount, Audience::kPrograms}}};
  for (const auto& [i, size] : since.looked) {
    std::string mark = since.there == i ? "first there" : "";
    if ((has_changed(since) && since.change.look == i) || since.larger == i)
      mark += mark.empty() ? "grows from here" : ", grows from here";
    table.rows.push_back({captures[i].file, time_text(captures[i].time_ms), captures[i].pid, size.is_there,
                          size.objects, size.entries ? Cell(*size.entries) : Cell(), size.bytes, mark,
                          std::uint64_t{i}});
  }
  return table;
}

void add_programs(const Captures& captures, Document& document) {
  const auto summary = [](const CaptureFacts& capture) {
    HeapSummary out;
    out.target = capture.target + ", " + capture.file;
    out.command_line = capture.command_line;
    return out;
  };
  for (std::size_t i = 1; i < captures.size() && document.fields.empty(); ++i)
    add_other_program(summary(captures.front()), summary(captures[i]), document);
}

void add_notes(const Since& since, const Captures& captures, Document& document) {
  std::set<std::int32_t> pids;
  for (const CaptureFacts& capture : captures) pids.insert(capture.pid);
  if (pids.size() > 1)
    document.notes.push_back("the snapshots are of " + std::to_string(pids.size()) +
                             " processes: what each had made begins anew with the next");
  if (since.comes_and_goes)
    document.notes.push_back("it comes and goes: all snapshots were opened");
  else if (!since.looked_at_all)
    document.notes.push_back(
        "found by halving: what came and went between two snapshots that were opened is not "
        "seen; --all opens all");
  if (since.change.kind == ChangePoint::Kind::kUnsure)
    document.notes.push_back("whether growth changed on the way is not said of fewer than " +
                             std::to_string(kFewestLooks) + " captures");
}

}  // namespace

SizeAtCapture size_in(const Heap& heap, const SinceQuestion& question) {
  SizeAtCapture out =
      question.type.empty() ? size_of_owner(heap, question.owner) : size_of_type(heap, question.type);
  out.is_there = out.is_there && out.bytes >= question.least;
  return out;
}

Document since_report(const SinceQuestion& question, const Since& since, const Captures& captures,
                      const std::vector<Caveat>& caveats) {
  Document document;
  document.about = about(captures.back().origin);
  add_programs(captures, document);
  const bool is_owner = question.type.empty();
  document.fields.push_back({{"kind", "", Kind::kText, Audience::kPrograms}, is_owner ? "owner" : "type"});
  document.fields.push_back(
      {{"name", is_owner ? "owner" : "type", Kind::kSentence}, is_owner ? question.owner : question.type});
  document.fields.push_back(
      {{"captures", "", Kind::kCount, Audience::kPrograms}, std::uint64_t{captures.size()}});
  document.fields.push_back(
      {{"opened", "", Kind::kCount, Audience::kPrograms}, std::uint64_t{since.looked.size()}});
  document.fields.push_back({{"there", "", Kind::kText, Audience::kPrograms},
                             Record{{{"since"}, record_of(captures, since.there)},
                                    {{"last_before"}, record_before(captures, since.there)}}});
  document.fields.push_back(
      {{"growth", "", Kind::kText, Audience::kPrograms}, growth_record(since, captures)});
  document.fields.push_back(
      {{"there_text", "is there", Kind::kSentence, Audience::kPeople}, presence_text(since, captures)});
  document.fields.push_back(
      {{"growth_text", "grows", Kind::kSentence, Audience::kPeople}, growth_text(since, captures)});
  document.fields.push_back(
      {{"opened_text", "snapshots", Kind::kSentence, Audience::kPeople},
       std::to_string(since.looked.size()) + " of " + std::to_string(captures.size()) + " were opened"});
  document.sections.push_back(captures_table(since, captures));
  add_notes(since, captures, document);
  for (const Caveat& caveat : caveats) document.add(caveat);
  return document;
}

}  // namespace heapglass
