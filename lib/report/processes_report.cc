#include "lib/report/processes_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>
#include <string_view>

#include "lib/render/json.h"
#include "lib/render/numbers.h"
#include "lib/render/utf8.h"
#include "lib/report/about.h"
#include "lib/report/fact_lines.h"

namespace heapglass {
namespace {

const Table* table_named(const Document& document, std::string_view key) {
  for (const Section& section : document.sections)
    if (const auto* table = std::get_if<Table>(&section); table && table->key == key) return table;
  return nullptr;
}

// The text and number of two columns in every row.
std::vector<NamedBytes> named_bytes(const Table& table, std::string_view name_key,
                                    std::string_view bytes_key) {
  const auto column = [&](std::string_view key) {
    return static_cast<std::size_t>(std::find_if(table.columns.begin(), table.columns.end(),
                                                 [&](const Column& c) { return c.key == key; }) -
                                    table.columns.begin());
  };
  const std::size_t name = column(name_key), bytes = column(bytes_key);
  std::vector<NamedBytes> out;
  for (const Row& row : table.rows) {
    if (name >= row.size() || bytes >= row.size()) continue;
    const auto* const text = std::get_if<std::string>(&row[name]);
    const auto* const number = std::get_if<std::uint64_t>(&row[bytes]);
    if (text && number) out.push_back({*text, *number});
  }
  return out;
}

std::uint64_t median_of(std::vector<std::uint64_t> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// How many times the median of the others the largest is, and which that is; nothing where it is within what
// the others differ by.
struct Lead {
  std::size_t which = 0;
  std::uint64_t value = 0, median = 0;
  double ratio = 0;
};
std::optional<Lead> lead_of(const std::vector<std::uint64_t>& values, std::uint64_t least) {
  constexpr std::size_t kFewest = 4;
  constexpr double kRatio = 1.5, kDeviations = 5;  // of a normal distribution one in 3 million is beyond
  constexpr double kNormal = 1.4826;               // a median deviation in standard deviations
  if (values.size() < kFewest) return std::nullopt;
  Lead lead;
  lead.which = static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
  lead.value = values[lead.which];
  std::vector<std::uint64_t> others = values;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(lead.which));
  lead.median = median_of(others);
  std::vector<std::uint64_t> deviations;
  deviations.reserve(others.size());
  for (const std::uint64_t v : others)
    deviations.push_back(v > lead.median ? v - lead.median : lead.median - v);
  const double beyond = static_cast<double>(lead.value) - static_cast<double>(lead.median);
  lead.ratio = static_cast<double>(lead.value) / std::max(1.0, static_cast<double>(lead.median));
  if (lead.ratio < kRatio || beyond < static_cast<double>(least) ||
      beyond < kDeviations * kNormal * static_cast<double>(median_of(deviations)))
    return std::nullopt;
  return lead;
}

std::string of_the_others(const Lead& lead, std::string (*human)(std::uint64_t)) {
  return human(lead.value) + ", where the others have " + human(lead.median) + " in the middle";
}

// Those that can be compared: what was forked from one master, else all.
std::vector<const ProcessAnswer*> siblings(const std::vector<ProcessAnswer>& answers) {
  std::vector<const ProcessAnswer*> all, forked;
  for (const ProcessAnswer& each : answers) {
    if (!each.why.empty()) continue;
    all.push_back(&each);
    if (each.master) forked.push_back(&each);
  }
  constexpr std::size_t kFewest = 4;
  return forked.size() >= kFewest ? forked : all;
}

std::uint64_t worst_bytes(const ProcessAnswer& answer) {
  return answer.facts.suspects.empty() ? 0 : answer.facts.suspects.front().bytes;
}

Table table_of(const ProcessesReport& report) {
  const auto& answers = report.answers;
  const auto any = [&](auto has) { return std::any_of(answers.begin(), answers.end(), has); };
  const bool objects = any([](const auto& a) { return a.facts.objects && *a.facts.objects > 0; });
  const bool suspects = any([](const auto& a) { return !a.facts.suspects.empty(); });
  const bool largest = any([](const auto& a) { return a.facts.largest.has_value(); });
  const bool files = any([](const auto& a) { return !a.file.empty(); });
  Table table{.key = "processes",
              .columns = {{"pid", "pid", Kind::kPlainNumber},
                          {"master", "forked from", Kind::kPlainNumber, Audience::kAll, 1},
                          {"rss", "RSS", Kind::kBytes},
                          {"pss", "Pss", Kind::kBytes}}};
  if (objects) table.columns.push_back({"objects", "objects", Kind::kCount});
  if (suspects) {
    table.columns.push_back({"worst_suspect", "worst suspect", Kind::kText});
    table.columns.push_back({"worst_suspect_bytes", "of it", Kind::kBytes});
  }
  if (largest) {
    table.columns.push_back({"largest_type", "largest type", Kind::kText});
    table.columns.push_back({"largest_type_bytes", "of it", Kind::kBytes});
  }
  if (files) table.columns.push_back({"file", "file", Kind::kText});
  table.columns.push_back({"exit_code", "", Kind::kPlainNumber, Audience::kPrograms});
  table.columns.push_back({"error", "", Kind::kSentence, Audience::kPrograms});
  table.columns.push_back({"command", "command", Kind::kText});
  std::uint64_t pss = 0;
  const auto add_named = [](Row& row, const NamedBytes* named) {
    row.push_back(named ? Cell(named->name) : Cell());
    row.push_back(named ? Cell(named->bytes) : Cell());
  };
  for (const ProcessAnswer& a : answers) {
    Row row{std::int64_t{a.pid}, a.master ? Cell(std::int64_t{a.master}) : Cell(), a.rss,
            a.pss ? Cell(a.pss) : Cell()};
    pss += a.pss;
    if (objects) row.push_back(a.facts.objects ? Cell(*a.facts.objects) : Cell());
    if (suspects) add_named(row, a.facts.suspects.empty() ? nullptr : a.facts.suspects.data());
    if (largest) add_named(row, a.facts.largest ? &*a.facts.largest : nullptr);
    if (files) row.push_back(a.file.empty() ? Cell() : Cell(a.file));
    row.insert(row.end(), {a.code, a.why.empty() ? Cell() : Cell(a.why), a.command});
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back("Pss of all: " + human_bytes(pss) +
                        ". It counts a page of several processes in parts");
  return table;
}

struct SharedSuspect {
  std::vector<std::uint64_t> bytes;
  std::uint64_t most = 0, sum = 0;
  std::int32_t most_in = 0;
};

// What is suspected in more than one process, by the bytes of all.
std::optional<Table> suspects_of_all(const std::vector<ProcessAnswer>& answers) {
  std::map<std::string, SharedSuspect> by_name;
  for (const ProcessAnswer& a : answers)
    for (const NamedBytes& suspect : a.facts.suspects) {
      SharedSuspect& shared = by_name[suspect.name];
      shared.bytes.push_back(suspect.bytes);
      shared.sum += suspect.bytes;
      if (suspect.bytes < shared.most) continue;
      shared.most = suspect.bytes;
      shared.most_in = a.pid;
    }
  if (by_name.empty()) return std::nullopt;
  std::vector<std::pair<std::string, SharedSuspect>> rows(by_name.begin(), by_name.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.sum > b.second.sum; });
  Table table{.key = "suspects",
              .title = "Suspects of all processes",
              .columns = {{"suspect", "suspect", Kind::kText},
                          {"processes", "processes", Kind::kCount},
                          {"bytes", "in all", Kind::kBytes},
                          {"median_bytes", "in the middle", Kind::kBytes},
                          {"most_bytes", "at most", Kind::kBytes},
                          {"most_in", "in", Kind::kPlainNumber}}};
  for (const auto& [name, shared] : rows)
    table.rows.push_back({name, std::uint64_t{shared.bytes.size()}, shared.sum, median_of(shared.bytes),
                          shared.most, std::int64_t{shared.most_in}});
  return table;
}

// A record of CSV that begins at `at`, its line end included.
std::string_view csv_record(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\n' && !quoted) return text.substr(0, i + 1);
  }
  return text;
}

void write_csv(const ProcessesReport& report, std::ostream& out) {
  std::string_view heading;
  for (const ProcessAnswer& a : report.answers) {
    std::string_view rest = a.out;
    const std::string_view own = csv_record(rest);
    if (own.empty()) continue;
    // Where a process has other columns, as growth that another has not, a heading of its own.
    if (own != heading) out << "process," << own;
    heading = own;
    for (rest.remove_prefix(own.size()); !rest.empty();) {
      const std::string_view record = csv_record(rest);
      out << a.pid << ',' << record;
      rest.remove_prefix(record.size());
    }
  }
}

void write_json(const ProcessesReport& report, std::ostream& out) {
  Document document = processes_document(report);
  document.about = about(of_this_host());
  // The answers stand in the rows of the table, as they are: they are JSON.
  const Table* const table = table_named(document, "processes");
  std::string processes = "[";
  for (std::size_t i = 0; table && i < report.answers.size(); ++i) {
    Record record;
    for (std::size_t c = 0; c < table->columns.size(); ++c)
      record.push_back({table->columns[c], table->rows[i][c]});
    std::string text = json_value(record);
    text.pop_back();
    std::string_view answer = report.answers[i].out;
    while (answer.ends_with('\n')) answer.remove_suffix(1);
    processes += (i ? ",\n  " : "\n  ") + text +
                 ", \"answer\": " + (answer.empty() ? "null" : std::string(answer)) + "}";
  }
  processes += "\n]";
  std::erase_if(document.sections, [](const Section& section) {
    const auto* const each = std::get_if<Table>(&section);
    return each && each->key == "processes";
  });
  std::ostringstream rest;
  render_json(document, {}, rest);
  std::string text = rest.str();
  text.erase(text.rfind('}'));
  while (text.ends_with('\n')) text.pop_back();
  out << text << ",\n  \"processes\": " << processes << "\n}\n";
}

void write_text(const ProcessesReport& report, const RenderOptions& options, std::ostream& out) {
  find_format("text").render(processes_document(report), options, out);
  for (const ProcessAnswer& a : report.answers) {
    if (a.out.empty()) continue;
    const std::size_t widest = options.width ? std::min<std::size_t>(options.width, 100) : 100;
    const std::string heading =
        cut_middle("process " + std::to_string(a.pid) + ": " + printable(a.command), widest, "...");
    out << "\n" << heading << "\n" << std::string(display_width(heading), '-') << "\n" << a.out;
  }
}

}  // namespace

ProcessFacts facts_of(const Document& document, std::uint64_t objects) {
  ProcessFacts facts;
  if (objects) facts.objects = objects;
  if (const Table* const suspects = table_named(document, "suspects")) {
    facts.suspects = named_bytes(*suspects, "owner", "bytes");
    const std::vector<NamedBytes> patterns = named_bytes(*suspects, "pattern", "bytes");
    for (std::size_t i = 0; i < std::min(patterns.size(), facts.suspects.size()); ++i)
      facts.suspects[i].name += " (" + patterns[i].name + ")";
  }
  if (const Table* const types = table_named(document, "types"))
    if (const auto named = named_bytes(*types, "type", "bytes"); !named.empty())
      facts.largest = named.front();
  return facts;
}

// Kinds of lines: see fact_lines.h.
std::string encode(const ProcessFacts& facts) {
  std::string text;
  if (facts.objects) add_fact(text, 'o', *facts.objects);
  for (const NamedBytes& each : facts.suspects) add_fact(text, 's', each.bytes, each.name);
  if (facts.largest) add_fact(text, 't', facts.largest->bytes, facts.largest->name);
  return text;
}

ProcessFacts decode_facts(const std::string& bytes) {
  ProcessFacts facts;
  each_fact(bytes, [&](char kind, std::uint64_t number, const std::string& name) {
    if (kind == 'o') facts.objects = number;
    if (kind == 's') facts.suspects.push_back({name, number});
    if (kind == 't') facts.largest = NamedBytes{name, number};
  });
  return facts;
}

std::string outlier_among(const std::vector<ProcessAnswer>& answers) {
  const std::vector<const ProcessAnswer*> compared = siblings(answers);
  const auto lead = [&](std::uint64_t least, auto value) {
    std::vector<std::uint64_t> values;
    values.reserve(compared.size());
    for (const ProcessAnswer* each : compared) values.push_back(value(*each));
    return lead_of(values, least);
  };
  constexpr std::uint64_t kLeastBytes = 1 << 20, kLeastObjects = 10'000;
  const auto suspect = lead(kLeastBytes, worst_bytes);
  const auto pss = lead(kLeastBytes, [](const ProcessAnswer& a) { return a.pss; });
  const auto objects =
      lead(kLeastObjects, [](const ProcessAnswer& a) { return a.facts.objects.value_or(0); });
  const auto said = [&](const Lead& of, const std::string& what) {
    return "process " + std::to_string(compared[of.which]->pid) + " stands out: " + what;
  };
  // What is suspected says most, where there is something.
  if (suspect)
    return said(*suspect, "its worst suspect, " + compared[suspect->which]->facts.suspects.front().name +
                              ", has " + of_the_others(*suspect, human_bytes));
  if (pss) return said(*pss, "its Pss is " + of_the_others(*pss, human_bytes));
  if (objects)
    return said(*objects, "the number of its objects is " +
                              of_the_others(*objects, [](std::uint64_t n) { return grouped(n); }));
  return "";
}

Document processes_document(const ProcessesReport& report) {
  Document document = report.more;
  std::uint64_t answered = 0;
  for (const ProcessAnswer& each : report.answers) answered += each.why.empty();
  document.fields.insert(
      document.fields.begin(),
      {{{"selection", "selected"}, report.what},
       {{"answered", "", Kind::kCount, Audience::kPrograms}, answered},
       {{"failed", "", Kind::kCount, Audience::kPrograms}, std::uint64_t{report.answers.size()} - answered},
       {{"not_permitted", "", Kind::kCount, Audience::kPrograms}, report.not_permitted}});
  Table table = table_of(report);
  const std::string outlier = outlier_among(report.answers);
  document.fields.push_back(
      {{"outlier", "", Kind::kSentence, Audience::kPrograms}, outlier.empty() ? Cell() : Cell(outlier)});
  if (!outlier.empty()) table.notes.push_back(outlier);
  for (const ProcessAnswer& each : report.answers)
    if (!each.why.empty()) table.notes.push_back(std::to_string(each.pid) + " was not read: " + each.why);
  for (const ProcessesReport::LeftOut& each : report.left_out)
    table.notes.push_back("left out: " + std::to_string(each.pid) + " (" + each.command + "): " + each.why);
  if (report.not_permitted)
    table.notes.push_back(std::to_string(report.not_permitted) +
                          " processes may not be looked at by this user: root, or CAP_SYS_PTRACE, may");
  std::vector<Section> sections;
  sections.emplace_back(std::move(table));
  if (auto suspects = suspects_of_all(report.answers)) sections.emplace_back(std::move(*suspects));
  sections.insert(sections.end(), std::make_move_iterator(document.sections.begin()),
                  std::make_move_iterator(document.sections.end()));
  document.sections = std::move(sections);
  Table left_out{.key = "left_out",
                 .columns = {{"pid", "", Kind::kPlainNumber, Audience::kPrograms},
                             {"command", "", Kind::kText, Audience::kPrograms},
                             {"why", "", Kind::kSentence, Audience::kPrograms}}};
  for (const ProcessesReport::LeftOut& each : report.left_out)
    left_out.rows.push_back({std::int64_t{each.pid}, each.command, each.why});
  document.fields.push_back(
      {{"left_out", "", Kind::kText, Audience::kPrograms}, Tables{std::move(left_out)}});
  return document;
}

void write_processes(const ProcessesReport& report, std::string_view format, const RenderOptions& options,
                     std::ostream& out) {
  if (format == "json")
    write_json(report, out);
  else if (format == "csv")
    write_csv(report, out);
  else
    write_text(report, options, out);
}

}  // namespace heapglass
