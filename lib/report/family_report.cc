#include "lib/report/family_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "lib/render/numbers.h"
#include "lib/report/fact_lines.h"

namespace heapglass {
namespace {

using Causes = std::array<std::uint64_t, kPrivateCauses>;

constexpr std::size_t place(PrivateCause cause) { return static_cast<std::size_t>(cause); }
std::uint64_t sum_of(const Causes& causes) {
  return std::accumulate(causes.begin(), causes.end(), std::uint64_t{0});
}

// Kinds of lines: see fact_lines.h. Of a name by cause the cause's number is its first character.
constexpr char kByCause = 'C', kByType = 'T', kByOwner = 'O', kFreeze = 'F', kFreezeAtMost = 'G',
               kImmortal = 'I', kHasImmortal = 'V';

void add_largest(std::string& text, char kind,
                 const std::map<std::pair<PrivateCause, std::string>, double>& bytes) {
  constexpr std::size_t kMost = 200;
  std::vector<std::pair<double, const std::pair<PrivateCause, std::string>*>> rows;
  rows.reserve(bytes.size());
  for (const auto& [key, each] : bytes) rows.emplace_back(each, &key);
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  if (rows.size() > kMost) rows.resize(kMost);
  for (const auto& [each, key] : rows)
    add_fact(text, kind, static_cast<std::uint64_t>(std::llround(each)),
             std::to_string(place(key->first)) + key->second);
}

struct BillRow {
  const char* key;
  std::string what;
  std::uint64_t bytes;
};

std::vector<BillRow> bill_of(const std::vector<FamilyMember>& members) {
  std::uint64_t of_all = 0, of_some = 0, with_others = 0, files = 0, of_masters = 0;
  Causes causes{};
  for (const FamilyMember& m : members) {
    of_all += m.sharing.of_all;
    of_some += m.sharing.of_some;
    with_others += m.sharing.with_others;
    files += m.sharing.own_files;
    if (!m.master) {
      of_masters += m.sharing.own_anonymous;
      continue;
    }
    const Causes own = causes_of(m);
    for (std::size_t i = 0; i < own.size(); ++i) causes[i] += own[i];
  }
  std::vector<BillRow> rows{{"shared_by_all", "shared by all " + std::to_string(members.size()), of_all},
                            {"shared_by_some", "shared by some of them", of_some},
                            {"shared_with_others", "shared with other processes only", with_others},
                            {"private_files", "private: pages of files", files},
                            {"private_masters", "private to what was forked from none of them", of_masters}};
  for (std::size_t i = 0; i < causes.size(); ++i) {
    const auto cause = static_cast<PrivateCause>(i);
    rows.push_back({key_of(cause), std::string("private to the forked: ") + words_for(cause), causes[i]});
  }
  return rows;
}

Table bill_table(const std::vector<FamilyMember>& members, std::uint64_t pss) {
  Table table{.key = "bill",
              .title = "Memory of all of them",
              .columns = {{"part", "", Kind::kText, Audience::kPrograms},
                          {"what", "what", Kind::kText},
                          {"bytes", "bytes", Kind::kBytes},
                          {"share", "share", Kind::kPercent}}};
  const auto share = [pss](std::uint64_t bytes) {
    return pss ? static_cast<double>(bytes) / static_cast<double>(pss) : 0.0;
  };
  std::uint64_t sum = 0;
  for (const BillRow& row : bill_of(members)) {
    sum += row.bytes;
    table.rows.push_back({row.key, row.what, row.bytes, share(row.bytes)});
  }
  table.totals = Row{"", "sum of Pss", sum, share(sum)};
  return table;
}

Table members_table(const std::vector<FamilyMember>& members) {
  Table table{.key = "members",
              .title = "Of each",
              .columns = {{"pid", "pid", Kind::kPlainNumber},
                          {"pss", "Pss", Kind::kBytes},
                          {"shared_by_all", "shared by all", Kind::kBytes},
                          {"shared_by_some", "by some", Kind::kBytes},
                          {"shared_with_others", "", Kind::kBytes, Audience::kPrograms},
                          {"private", "private", Kind::kBytes},
                          {"private_files", "", Kind::kBytes, Audience::kPrograms},
                          {"new_memory", "new memory", Kind::kBytes},
                          {"content", "content", Kind::kBytes},
                          {"reference_counts", "counts", Kind::kBytes},
                          {"collector_heads", "heads", Kind::kBytes, Audience::kAll, 1},
                          {"nothing_differs", "as it was", Kind::kBytes, Audience::kAll, 2},
                          {"not_compared", "", Kind::kBytes, Audience::kPrograms}}};
  for (const FamilyMember& m : members) {
    const MemberSharing& s = m.sharing;
    Row row{std::int64_t{s.pid},           s.pss,      s.of_all, s.of_some, s.with_others,
            s.own_files + s.own_anonymous, s.own_files};
    for (const std::uint64_t bytes : causes_of(m)) {
      Cell& cell = row.emplace_back();
      if (m.master) cell = bytes;
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

// What was written of objects and what they have of new memory, by `name`, the most first.
Table private_table(const std::vector<FamilyMember>& members, const char* key, const char* title,
                    std::vector<PrivateSummary::Named> PrivateSummary::*rows_of) {
  std::map<std::string, Causes> by_name;
  for (const FamilyMember& m : members)
    if (m.its_pages)
      for (const PrivateSummary::Named& each : (*m.its_pages).*rows_of)
        by_name[each.name][place(each.cause)] += each.bytes;
  std::vector<std::pair<std::string, Causes>> rows(by_name.begin(), by_name.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return sum_of(a.second) > sum_of(b.second); });
  constexpr std::size_t kMost = 12;
  const std::size_t all = rows.size();
  if (rows.size() > kMost) rows.resize(kMost);
  Table table{.key = key,
              .title = title,
              .columns = {{"name", "name", Kind::kText},
                          {"content", "content", Kind::kBytes},
                          {"reference_counts", "counts", Kind::kBytes},
                          {"collector_heads", "heads", Kind::kBytes},
                          {"nothing_differs", "as it was", Kind::kBytes},
                          {"new_memory", "new memory", Kind::kBytes}}};
  for (const auto& [name, c] : rows)
    table.rows.push_back({name, c[place(PrivateCause::kContent)], c[place(PrivateCause::kReferenceCounts)],
                          c[place(PrivateCause::kCollectorHeads)], c[place(PrivateCause::kNothingDiffers)],
                          c[place(PrivateCause::kNewMemory)]});
  if (all > kMost) table.notes.push_back("and " + std::to_string(all - kMost) + " more");
  return table;
}

void add_advice(const std::vector<FamilyMember>& members, Document& document) {
  std::uint64_t inherited = 0, freeze = 0, at_most = 0, immortal = 0;
  bool compared = false, has_immortal = false;
  for (const FamilyMember& m : members) {
    if (!m.its_pages) continue;
    compared = true;
    const Causes causes = causes_of(m);
    inherited +=
        sum_of(causes) - causes[place(PrivateCause::kNewMemory)] - causes[place(PrivateCause::kNotCompared)];
    freeze += m.its_pages->freeze_keeps;
    at_most += m.its_pages->freeze_keeps_at_most;
    immortal += m.its_pages->immortal_keeps;
    has_immortal |= m.its_pages->has_immortal_objects;
  }
  const auto field = [&](const char* key, bool known, std::uint64_t bytes) {
    document.fields.push_back({{key, "", Kind::kBytes, Audience::kPrograms}, known ? Cell(bytes) : Cell()});
  };
  field("private_inherited", compared, inherited);
  field("freeze_keeps", compared, freeze);
  field("freeze_keeps_at_most", compared, at_most);
  field("immortal_keeps", compared && !has_immortal, immortal);
  if (!compared) return;
  std::string text = "gc.freeze() in the master before the fork would keep " + human_bytes(freeze) +
                     " of the " + human_bytes(inherited) +
                     " shared that the forked processes had from it and wrote to: on these pages nothing was "
                     "written but what a collection writes";
  if (at_most > freeze)
    text += "; at most " + human_bytes(at_most) +
            ", were it collections that wrote pages on which nothing differs any more";
  document.fields.push_back({{"freeze", "gc.freeze", Kind::kSentence, Audience::kPeople}, text});
  if (!has_immortal)
    document.fields.push_back({{"immortal", "Python 3.12", Kind::kSentence, Audience::kPeople},
                               "would keep " + human_bytes(immortal) +
                                   " shared: on these pages nothing differs but reference counts of None, "
                                   "True, False, small ints and "
                                   "static types, which it does not count"});
}

}  // namespace

std::string encode(const PrivateBytes& bytes, bool has_immortal_objects) {
  std::string text;
  for (std::size_t i = 0; i < kPrivateCauses; ++i)
    add_fact(text, kByCause, bytes.by_cause[i], std::to_string(i));
  add_largest(text, kByType, bytes.by_type);
  add_largest(text, kByOwner, bytes.by_owner);
  add_fact(text, kFreeze, bytes.freeze_keeps);
  add_fact(text, kFreezeAtMost, bytes.freeze_keeps_at_most);
  add_fact(text, kImmortal, bytes.immortal_keeps);
  if (has_immortal_objects) add_fact(text, kHasImmortal, 1);
  return text;
}

std::optional<PrivateSummary> decode_private(const std::string& bytes) {
  PrivateSummary out;
  bool is_one = false;
  each_fact(bytes, [&](char kind, std::uint64_t number, const std::string& name) {
    const std::size_t cause = name.empty() ? kPrivateCauses : static_cast<std::size_t>(name[0] - '0');
    if (kind == kFreeze) out.freeze_keeps = number;
    if (kind == kFreezeAtMost) out.freeze_keeps_at_most = number;
    if (kind == kImmortal) out.immortal_keeps = number;
    if (kind == kHasImmortal) out.has_immortal_objects = true;
    if (cause >= kPrivateCauses) return;
    if (kind == kByCause) {
      out.by_cause[cause] = number;
      is_one = true;
    }
    if (kind != kByType && kind != kByOwner) return;
    (kind == kByType ? out.by_type : out.by_owner)
        .push_back({static_cast<PrivateCause>(cause), name.substr(1), number});
  });
  return is_one ? std::optional(std::move(out)) : std::nullopt;
}

std::array<std::uint64_t, kPrivateCauses> causes_of(const FamilyMember& member) {
  const std::uint64_t own = member.sharing.own_anonymous;
  Causes causes{};
  if (member.its_pages) causes = member.its_pages->by_cause;
  const std::uint64_t seen = sum_of(causes);
  if (seen <= own) {
    causes[place(PrivateCause::kNotCompared)] += own - seen;
    return causes;
  }
  std::uint64_t beyond = seen - own;
  std::uint64_t& grown = causes[place(PrivateCause::kNewMemory)];
  const std::uint64_t taken = std::min(grown, beyond);
  grown -= taken;
  beyond -= taken;
  for (std::uint64_t& each : causes) {
    const std::uint64_t less = std::min(each, beyond);
    each -= less;
    beyond -= less;
  }
  return causes;
}

void add_family_bill(const std::vector<FamilyMember>& members, bool by_frames, Document& document) {
  std::uint64_t pss = 0;
  for (const FamilyMember& m : members) pss += m.sharing.pss;
  document.fields.push_back({{"pss", "sum of Pss", Kind::kBytes}, pss});
  document.fields.push_back({{"by_frames", "", Kind::kText, Audience::kPrograms}, by_frames});
  add_advice(members, document);
  Table bill = bill_table(members, pss);
  if (!by_frames)
    bill.notes.push_back(
        "which pages several map is taken from their addresses: the kernel tells page frames only to "
        "CAP_SYS_ADMIN");
  document.sections.emplace_back(std::move(bill));
  document.sections.emplace_back(members_table(members));
  const bool compared = std::any_of(members.begin(), members.end(),
                                    [](const FamilyMember& m) { return m.its_pages.has_value(); });
  if (!compared) return;
  document.sections.emplace_back(
      private_table(members, "private_types", "Private pages by type", &PrivateSummary::by_type));
  document.sections.emplace_back(
      private_table(members, "private_owners", "Private pages by owner", &PrivateSummary::by_owner));
}

}  // namespace heapglass
