#include "lib/report/diff_report.h"

#include <algorithm>
#include <map>

#include "lib/compare/type_growth.h"
#include "lib/render/numbers.h"
#include "lib/report/about.h"
#include "lib/report/growth_lines.h"
#include "lib/report/memory_line.h"
#include "lib/report/rows_left.h"

namespace heapglass {
namespace {

struct Fates {
  std::uint64_t created = 0, gone = 0, survived = 0, perhaps = 0, reused = 0;
  std::map<std::string_view, std::pair<std::uint64_t, std::uint64_t>> by_type;  // new, gone
};

Fates fates_of(const HeapSummary& first, const HeapSummary& last) {
  const Identities &earlier = first.identities, &later = last.identities;
  const Match matched = match(earlier, later);
  Fates out{.reused = matched.addresses_reused};
  for (std::size_t n = 0; n < later.address.size(); ++n) {
    if (matched.of_later[n] == Same::kNo) {
      ++out.created;
      ++out.by_type[later.types[later.type[n]]].first;
    } else {
      ++out.survived;
      out.perhaps += matched.of_later[n] == Same::kPerhaps;
    }
  }
  for (std::size_t n = 0; n < earlier.address.size(); ++n) {
    if (!matched.gone[n]) continue;
    ++out.gone;
    ++out.by_type[earlier.types[earlier.type[n]]].second;
  }
  return out;
}

template <class T>
std::size_t cut(std::vector<T>& rows, std::size_t limit) {
  const std::size_t in_all = rows.size();
  if (limit && rows.size() > limit) rows.resize(limit);
  return in_all - rows.size();
}

// The words that two command lines have of the program: of one that is cut, as snapshots without values have
// them, what is left.
bool are_one_program(std::string_view a, std::string_view b) {
  constexpr std::string_view kCut = " ...";
  for (std::string_view* each : {&a, &b})
    if (each->ends_with(kCut)) each->remove_suffix(kCut.size());
  return a.starts_with(b) || b.starts_with(a);
}

// Of the first rows, which are shown: from which capture on each behaves otherwise.
std::vector<ChangePoint> changes_of(const std::vector<TypeGrowth>& rows,
                                    const std::vector<HeapSummary>& summaries) {
  constexpr std::size_t kMostRows = 50;
  const CaptureTimes at = capture_times(summaries);
  std::vector<ChangePoint> changes;
  for (const TypeGrowth& row : rows) {
    if (changes.size() == kMostRows) break;
    std::vector<double> bytes;
    for (const HeapSummary& each : summaries) {
      const TypeCount* const there = each.type(row.type);
      bytes.push_back(there ? static_cast<double>(all_bytes(*there)) : 0);
    }
    changes.push_back(find_change(at.times, bytes));
  }
  return changes;
}

Table types_table(const std::vector<HeapSummary>& summaries, const Fates& fates,
                  const DiffReportOptions& options) {
  const HeapSummary &first = summaries.front(), &last = summaries.back();
  std::map<std::string, std::uint64_t> grew;  // how often
  for (std::size_t i = 1; i < summaries.size(); ++i)
    for (const TypeGrowth& row : type_growth(summaries[i - 1].types, summaries[i].types))
      if (row.count_delta() > 0) ++grew[row.type];
  std::vector<TypeGrowth> rows = type_growth(first.types, last.types);
  std::int64_t count = 0, bytes = 0;
  for (const TypeGrowth& row : rows) {
    count += row.count_delta();
    bytes += row.bytes_delta();
  }
  std::erase_if(rows, [](const TypeGrowth& r) { return r.count_delta() == 0 && r.bytes_delta() == 0; });
  std::stable_sort(rows.begin(), rows.end(), [&](const TypeGrowth& a, const TypeGrowth& b) {
    return options.by_count ? a.count_delta() > b.count_delta() : a.bytes_delta() > b.bytes_delta();
  });
  const std::size_t left = cut(rows, options.limit);
  auto retained = [](const HeapSummary& summary, const std::string& type) -> std::int64_t {
    const TypeCount* const row = summary.type(type);
    return row ? static_cast<std::int64_t>(
                     summary.retained[static_cast<std::size_t>(row - summary.types.data())])
               : 0;
  };
  Table table{
      .key = "types",
      .columns = {{"type", "type", Kind::kText},
                  {"count_before", "before", Kind::kCount},
                  {"count_after", "after", Kind::kCount},
                  {"count_delta", "objects", Kind::kCountDelta},
                  {"bytes_delta", "bytes", Kind::kBytesDelta},
                  {"retained_delta", "retained", Kind::kBytesDelta},
                  {"new", "new", Kind::kCount},
                  {"gone", "gone", Kind::kCount},
                  {"grew", "grew", Kind::kText, summaries.size() > 2 ? Audience::kAll : Audience::kPrograms},
                  {"bytes_before", "", Kind::kBytes, Audience::kPrograms},
                  {"bytes_after", "", Kind::kBytes, Audience::kPrograms},
                  {"change", "", Kind::kText, Audience::kPrograms},
                  {"change_capture", "", Kind::kCount, Audience::kPrograms}}};
  const bool are_enough = summaries.size() >= kFewestLooks;
  if (are_enough) table.columns.push_back({"changed", "changed", Kind::kText, Audience::kPeople});
  const std::vector<ChangePoint> changes = changes_of(rows, summaries);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const TypeGrowth& r = rows[i];
    const bool has_changed = i < changes.size() && (changes[i].kind == ChangePoint::Kind::kStep ||
                                                    changes[i].kind == ChangePoint::Kind::kRate);
    const auto fate = fates.by_type.find(r.type);
    const auto [created, gone] =
        fate == fates.by_type.end() ? std::pair<std::uint64_t, std::uint64_t>() : fate->second;
    table.rows.push_back({r.type, r.count_before, r.count_after, r.count_delta(), r.bytes_delta(),
                          retained(last, r.type) - retained(first, r.type), created, gone,
                          std::to_string(grew[r.type]) + " of " + std::to_string(summaries.size() - 1),
                          r.bytes_before, r.bytes_after,
                          i < changes.size() ? Cell(name_of(changes[i].kind)) : Cell(),
                          has_changed ? Cell(std::uint64_t{changes[i].look}) : Cell()});
    if (are_enough)
      table.rows.back().push_back(
          has_changed ? Cell(name_of(changes[i].kind) + " at " + std::to_string(changes[i].look + 1))
                      : Cell());
  }
  table.totals = Row{"all objects", first.objects, last.objects, count,      bytes,  Cell(), fates.created,
                     fates.gone,    Cell(),        first.bytes,  last.bytes, Cell(), Cell()};
  if (are_enough) table.totals->emplace_back();
  if (left > 0) table.notes.push_back(rows_left(left, "type") + " changed: --limit 0 shows all");
  return table;
}

Table owners_table(const HeapSummary& first, const HeapSummary& last, const DiffReportOptions& options) {
  std::vector<OwnerGrowth> rows = owner_growth(first.owners, last.owners);
  std::erase_if(rows, [](const OwnerGrowth& r) {
    return r.count_delta() == 0 && r.bytes_delta() == 0 && r.entries_before == r.entries_after;
  });
  std::stable_sort(rows.begin(), rows.end(), [&](const OwnerGrowth& a, const OwnerGrowth& b) {
    return options.by_count ? a.count_delta() > b.count_delta() : a.bytes_delta() > b.bytes_delta();
  });
  const std::size_t left = cut(rows, options.limit);
  Table table{.key = "owners",
              .title = "Whose they are",
              .columns = {{"path", "owner", Kind::kText},
                          {"what", "what it is", Kind::kText},
                          {"entries_delta", "entries", Kind::kCountDelta},
                          {"count_delta", "objects", Kind::kCountDelta},
                          {"bytes_delta", "bytes", Kind::kBytesDelta},
                          {"entries_before", "", Kind::kCount, Audience::kPrograms},
                          {"entries_after", "", Kind::kCount, Audience::kPrograms},
                          {"bytes_before", "", Kind::kBytes, Audience::kPrograms},
                          {"bytes_after", "", Kind::kBytes, Audience::kPrograms}}};
  auto cell = [](std::optional<std::uint64_t> n) { return n ? Cell(*n) : Cell(); };
  for (const OwnerGrowth& r : rows) {
    Cell entries;
    if (r.entries_before || r.entries_after)
      entries = static_cast<std::int64_t>(r.entries_after.value_or(0) - r.entries_before.value_or(0));
    table.rows.push_back({r.path, r.what, entries, r.count_delta(), r.bytes_delta(), cell(r.entries_before),
                          cell(r.entries_after), r.bytes_before, r.bytes_after});
  }
  if (left > 0) table.notes.push_back(rows_left(left, "owner") + " changed: --limit 0 shows all");
  return table;
}

void add_origins(const std::vector<HeapSummary>& summaries, Document& document) {
  document.about = about(summaries.back().origin);
  List compared;
  for (const HeapSummary& each : summaries) compared.push_back(about(each.origin));
  document.fields.push_back({{"compared", "", Kind::kText, Audience::kPrograms}, std::move(compared)});
}

void add_pauses_and_notes(const std::vector<HeapSummary>& summaries, Document& document) {
  double longest = 0;
  for (const HeapSummary& m : summaries) longest = std::max(longest, m.pause_ms);
  document.fields.push_back(
      {{"pause_ms", "longest pause", Kind::kMilliseconds, Audience::kPrograms}, longest});
  for (const Caveat& caveat : summaries.back().caveats) document.add(caveat);
  const auto& first = summaries.front().identities.values;
  if (std::any_of(summaries.begin(), summaries.end(), [&](const HeapSummary& m) {
        return !m.identities.address.empty() && m.identities.values != first;
      }))
    document.notes.push_back(
        "the snapshots do not have values of one kind (kept, none, or hashed with one key): an object that "
        "lies "
        "where another of its type lay counts as that one");
}

}  // namespace

void add_other_program(const HeapSummary& first, const HeapSummary& last, Document& document) {
  add_other_program(ProgramName{first.target, first.command_line}, {last.target, last.command_line},
                    document);
}

void add_other_program(const ProgramName& first, const ProgramName& last, Document& document) {
  if (are_one_program(first.command_line, last.command_line)) return;
  document.fields.push_back({{"other_program", "not the same program", Kind::kSentence},
                             "'" + first.command_line + "' (" + first.target + ") and '" + last.command_line +
                                 "' (" + last.target + "): growth between them says nothing of either"});
}

Document diff_report(const std::vector<HeapSummary>& summaries, const std::vector<std::string>& reasons,
                     const DiffReportOptions& options) {
  const HeapSummary &first = summaries.front(), &last = summaries.back();
  const Fates fates = fates_of(first, last);
  Document document;
  add_origins(summaries, document);
  add_other_program(summaries.front(), summaries.back(), document);
  const MemoryLine memory(last.bill, first.bill, last.why_no_bill,
                          last.runs ? std::to_string(last.pid) : "TARGET");
  memory.add_to(document);
  document.fields.push_back(
      {{"total", "", Kind::kText, Audience::kPrograms},
       Record{
           {{"count_delta", "", Kind::kCountDelta}, static_cast<std::int64_t>(last.objects - first.objects)},
           {{"bytes_delta", "", Kind::kBytesDelta}, static_cast<std::int64_t>(last.bytes - first.bytes)}}});
  document.fields.push_back({{"identity", "", Kind::kText, Audience::kPrograms},
                             Record{{{"new", "", Kind::kCount}, fates.created},
                                    {{"gone", "", Kind::kCount}, fates.gone},
                                    {{"survived", "", Kind::kCount}, fates.survived},
                                    {{"survived_changed", "", Kind::kCount}, fates.perhaps},
                                    {{"addresses_reused", "", Kind::kCount}, fates.reused}}});
  List exceeded;
  for (const std::string& reason : reasons) exceeded.push_back(reason);
  document.fields.push_back({{"exceeded", "", Kind::kText, Audience::kPrograms}, std::move(exceeded)});
  if (first.resident && last.resident)
    document.fields.push_back({{"rss", "", Kind::kText, Audience::kPrograms},
                               Record{{{"before", "", Kind::kBytes}, first.resident->rss},
                                      {{"after", "", Kind::kBytes}, last.resident->rss}}});
  document.sections.push_back(types_table(summaries, fates, options));
  document.sections.push_back(owners_table(first, last, options));
  std::string told = grouped(fates.created) + " objects are new, " + grouped(fates.gone) + " are gone, " +
                     grouped(fates.survived) + " are still there";
  if (fates.perhaps)
    told += " (" + grouped(fates.perhaps) +
            " of them by address and type alone: what they hold first has changed)";
  if (!memory.elsewhere().empty()) document.notes.push_back(memory.elsewhere());
  if (fates.reused) told += "; at " + grouped(fates.reused) + " addresses others are now";
  document.notes.push_back(told);
  if (first.resident && last.resident)
    document.notes.push_back("RSS " + human_bytes(first.resident->rss) + " -> " +
                             human_bytes(last.resident->rss));
  add_pauses_and_notes(summaries, document);
  return document;
}

Document survivors_report(const std::vector<HeapSummary>& summaries, const DiffReportOptions& options) {
  // By object of the moment at hand: made after the first, there in the second and in all since.
  std::vector<bool> chosen;
  for (const Same same : match(summaries[0].identities, summaries[1].identities).of_later)
    chosen.push_back(same == Same::kNo);
  const std::uint64_t created = static_cast<std::uint64_t>(std::count(chosen.begin(), chosen.end(), true));
  std::uint64_t unsure = 0;
  for (std::size_t i = 2; i < summaries.size(); ++i) {
    const Identities &earlier = summaries[i - 1].identities, &later = summaries[i].identities;
    const Match matched = match(earlier, later);
    std::vector<bool> next(later.address.size());
    std::size_t e = 0;
    for (std::size_t n = 0; n < next.size(); ++n) {
      if (matched.of_later[n] == Same::kNo) continue;
      while (earlier.address[e] < later.address[n]) ++e;  // it is there: it was matched
      next[n] = chosen[e] && matched.of_later[n] == Same::kYes;
      unsure += chosen[e] && matched.of_later[n] == Same::kPerhaps;
    }
    chosen = std::move(next);
  }
  const HeapSummary& last = summaries.back();
  const Identities& objects = last.identities;
  struct Sum {
    std::string name, what;
    std::uint64_t count = 0, bytes = 0;
  };
  std::map<std::string, Sum> types, owners;
  Sum all;
  for (std::size_t n = 0; n < chosen.size(); ++n) {
    if (!chosen[n]) continue;
    const std::string& type = objects.types[objects.type[n]];
    const OwnerCount& owner = last.owners[objects.owner[n]];
    for (Sum* sum : {&types[type], &owners[owner.path], &all}) {
      ++sum->count;
      sum->bytes += objects.size[n];
    }
    types[type].name = type;
    owners[owner.path].name = owner.path;
    owners[owner.path].what = owner.what;
  }
  auto sorted = [&](const std::map<std::string, Sum>& sums) {
    std::vector<Sum> rows;
    rows.reserve(sums.size());
    for (const auto& [name, sum] : sums) rows.push_back(sum);
    std::stable_sort(rows.begin(), rows.end(), [&](const Sum& a, const Sum& b) {
      return options.by_count ? a.count > b.count : a.bytes > b.bytes;
    });
    return rows;
  };
  Document document;
  add_origins(summaries, document);
  add_other_program(summaries.front(), summaries.back(), document);
  document.fields.push_back({{"survivors", "", Kind::kText, Audience::kPrograms},
                             Record{{{"new", "", Kind::kCount}, created},
                                    {{"survived", "", Kind::kCount}, all.count},
                                    {{"bytes", "", Kind::kBytes}, all.bytes},
                                    {{"unsure", "", Kind::kCount}, unsure}}});
  Table by_type{.key = "types",
                .columns = {{"type", "type", Kind::kText},
                            {"count", "objects", Kind::kCount},
                            {"bytes", "bytes", Kind::kBytes}}};
  std::vector<Sum> rows = sorted(types);
  if (const std::size_t left = cut(rows, options.limit))
    by_type.notes.push_back(rows_left(left, "type") + ": --limit 0 shows all");
  for (const Sum& r : rows) by_type.rows.push_back({r.name, r.count, r.bytes});
  by_type.totals = Row{"all survivors", all.count, all.bytes};
  Table by_owner{.key = "owners",
                 .title = "Whose they are",
                 .columns = {{"path", "owner", Kind::kText},
                             {"what", "what it is", Kind::kText},
                             {"count", "objects", Kind::kCount},
                             {"bytes", "bytes", Kind::kBytes}}};
  rows = sorted(owners);
  if (const std::size_t left = cut(rows, options.limit))
    by_owner.notes.push_back(rows_left(left, "owner") + ": --limit 0 shows all");
  for (const Sum& r : rows) by_owner.rows.push_back({r.name, r.what, r.count, r.bytes});
  document.sections = {std::move(by_type), std::move(by_owner)};
  document.notes.push_back("made after the first moment, in the second: " + grouped(created) +
                           " objects; still there in the last: " + grouped(all.count));
  if (unsure)
    document.notes.push_back(grouped(unsure) +
                             " more are at the same address and of the same type, but hold other things: "
                             "changed, or freed and made again");
  add_pauses_and_notes(summaries, document);
  return document;
}

}  // namespace heapglass
