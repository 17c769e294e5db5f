#include "lib/report/report_page.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "lib/base/error.h"
#include "lib/compare/histogram.h"
#include "lib/leaks/find_suspects.h"
#include "lib/leaks/suspect_growth.h"
#include "lib/render/json.h"
#include "lib/render/picture_file.h"
#include "lib/render/utf8.h"
#include "lib/report/about.h"
#include "lib/report/diff_report.h"
#include "lib/report/garbage_report.h"
#include "lib/report/growth_lines.h"
#include "lib/report/histogram_report.h"
#include "lib/report/info_report.h"
#include "lib/report/leaks_report.h"
#include "lib/report/memory_line.h"
#include "lib/report/memory_report.h"
#include "lib/report/share_tree.h"
#include "lib/report/stacks.h"
#include "lib/report/trace_report.h"

namespace heapglass {

// cmd/report/page.html; CMake makes its definition.
extern const std::string_view kReportPage;

namespace {

// What a page of a few megabytes has room for. What is left out is said.
constexpr std::size_t kMostTypes = 5000, kMostMemoryRows = 200, kMostSuspects = 50, kMostPictures = 8,
                      kMostDrawnObjects = 60, kMostGarbage = 200, kMostStacks = 500, kMostFrames = 60,
                      kMostSites = 500, kMostPlaces = 2500, kMostChanges = 500;
constexpr std::size_t kLongestText = 1000, kLongestName = 300;  // columns

// Rows behind the first `most` of each table go.
void cut_tables(Document& document, std::size_t most) {
  for (Section& section : document.sections)
    if (Table* table = std::get_if<Table>(&section); table && table->rows.size() > most) {
      document.notes.push_back(std::to_string(table->rows.size() - most) + " more rows of " + table->key +
                               " are not in this page");
      table->rows.resize(most);
    }
}

// In JSON a table has no notes: the page shows them too.
void tell_notes_of_tables(Document& document) {
  std::vector<std::string> notes;
  for (const Section& section : document.sections)
    if (const Table* table = std::get_if<Table>(&section))
      for (const std::string& note : table->notes) {
        // "--limit 0 shows all" is for who runs the command.
        const std::size_t hint = note.find(": --limit 0");
        notes.push_back(hint == note.npos ? note : note.substr(0, hint) + ", which are not in this page");
      }
  document.notes.insert(document.notes.begin(), notes.begin(), notes.end());
}

// A part of the report: that it cannot be told is no reason to tell nothing.
std::string part(const std::function<Document()>& make, std::size_t longest = kLongestText) {
  try {
    Document document = make();
    tell_notes_of_tables(document);
    return page_json(std::move(document), longest);
  } catch (const Error& error) {
    return "{\"error\": " + json_string(error.what()) + "}";
  }
}

Document overview(const Heap& heap) {
  Document document = info_document(heap, false);
  document.fields.push_back({{"target", "target"}, heap.target().name()});
  document.fields.push_back(
      {{"time", "captured at", Kind::kPlainNumber},
       std::int64_t{heap.target().snapshot_time().value_or(static_cast<std::int64_t>(std::time(nullptr)))}});
  document.fields.push_back({{"values", "values"}, heap.value_policy()});
  for (const Caveat& caveat : heap.caveats()) document.add(caveat);
  return document;
}

Document sites_document(const Heap& heap) {
  const Tracemalloc traced = read_checked(heap);
  Document document = trace_figures(traced);
  if (!traced.tracing) return document;
  TraceRows rows(TraceGroup::kLine, false, kMostSites);
  for (const TraceStatistic& each : trace_statistics(traced.snapshot, TraceGroup::kLine, false))
    rows.add(each, text_of(each));
  document.sections.push_back(rows.take());
  return document;
}

// Each suspect by itself: {"rank": 1, "svg": "..."} or why there is none.
std::string pictures(const LeakContext& look, const std::vector<Suspect>& suspects) {
  RenderOptions options;
  options.picture_deadline = std::chrono::seconds(10);
  std::string text = "[";
  bool graphviz_works = true;
  for (std::size_t i = 0; i < std::min(kMostPictures, suspects.size()) && graphviz_works; ++i) {
    if (suspects[i].node == kNoNode) continue;
    text += (text.size() > 1 ? ", " : "") + std::string("{\"rank\": ") + std::to_string(i + 1);
    try {
      Warnings warnings;
      const Picture picture = suspects_picture(look, {suspects[i]}, 1, kMostDrawnObjects);
      text += ", \"svg\": " + json_string(draw(picture, "svg", options, warnings)) + "}";
    } catch (const Error& error) {
      text += ", \"error\": " + json_string(error.what()) + "}";
      graphviz_works = false;  // another would wait as long
    }
  }
  return text + "]";
}

// "key": {...}, of what two captures and more tell.
std::string growth_parts(const std::vector<HeapSummary>& summaries) {
  if (summaries.size() < 2) return "";
  const DiffReportOptions options{.limit = kMostChanges};
  std::string text = ", \"diff\": " + part([&] { return diff_report(summaries, {}, options); }, kLongestName);
  if (summaries.size() > 2)
    text += ", \"survivors\": " + part([&] { return survivors_report(summaries, options); }, kLongestName);
  return text + ", \"growth\": " + part([&] { return growth_document(summaries); }, kLongestName);
}

std::size_t cut_cell(Cell& cell, std::size_t columns);

std::size_t cut_rows(Table& table, std::size_t columns) {
  std::size_t cut = 0;
  for (Row& row : table.rows)
    for (Cell& cell : row) cut += cut_cell(cell, columns);
  return cut;
}

std::size_t cut_text(std::string& text, std::size_t columns) {
  // A column is a byte at least; what is a little longer in bytes alone is looked at.
  if (text.size() <= columns) return 0;
  // Of a megabyte only what can be shown is looked at.
  const std::size_t most_bytes = 8 * columns;
  if (text.size() > 2 * most_bytes)
    text = text.substr(0, most_bytes) + "…" + text.substr(text.size() - most_bytes);
  std::string shorter = cut_middle(text, columns, "…");
  if (shorter == text) return 0;
  text = std::move(shorter);
  return 1;
}

// As deep as this program nests its answers: names of the target make no level.
std::size_t cut_cell(Cell& cell, std::size_t columns) {
  std::size_t cut = 0;
  if (auto* text = std::get_if<std::string>(&cell)) return cut_text(*text, columns);
  if (auto* list = std::get_if<List>(&cell))
    for (Cell& each : *list) cut += cut_cell(each, columns);
  if (auto* fields = std::get_if<Record>(&cell))
    for (Field& each : *fields) cut += cut_cell(each.value, columns);
  if (auto* tables = std::get_if<Tables>(&cell))
    for (Table& each : *tables) cut += cut_rows(each, columns);
  return cut;
}

}  // namespace

std::size_t cut_long_texts(Document& document, std::size_t columns) {
  std::size_t cut = 0;
  for (Field& field : document.fields) cut += cut_cell(field.value, columns);
  for (Section& section : document.sections)
    if (Table* table = std::get_if<Table>(&section)) cut += cut_rows(*table, columns);
  for (std::string& note : document.notes) cut += cut_text(note, columns);
  for (Caveat& caveat : document.caveats)
    for (std::string& example : caveat.examples) cut += cut_text(example, columns);
  return cut;
}

std::string page_json(Document document, std::size_t longest) {
  if (const std::size_t cut = cut_long_texts(document, longest))
    document.notes.push_back(std::to_string(cut) + " texts of more than " + std::to_string(longest) +
                             " columns are cut in the middle");
  std::ostringstream out;
  RenderOptions options;
  options.one_line = true;
  render_json(document, options, out);
  std::string text = out.str();
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string report_data(const Heap& heap, EarlierCaptures earlier, std::string_view version) {
  const LeakContext look(heap);
  std::vector<Suspect> suspects = find_suspects(look.search(), {.to_compare = !earlier.suspects.empty()});
  annotate_growth(suspects, earlier.suspects);
  std::string text = "{\"heapglass\": " + json_string(version) +
                     ", \"about\": " + json_value(about(heap.origin())) +
                     ", \"made\": " + std::to_string(static_cast<std::int64_t>(std::time(nullptr)));
  const auto add = [&](const char* key, const std::string& json) {
    text += std::string(", \"") + key + "\": " + json;
  };
  add("info", part([&] { return overview(heap); }));
  add("memory", part([&] {
        return memory_document(heap, {.most = kMostMemoryRows, .arenas = true, .always_pins = true});
      }));
  add("leaks", part([&] {
        Document document;
        const TakenBill bill = take_bill(heap);
        const MemoryLine memory(
            bill.bill, earlier.bill.bill, bill.why_none,
            heap.target().runs() ? std::to_string(heap.target().pid()) : heap.target().name());
        memory.add_to(document);
        add_suspects(look, suspects, std::min(kMostSuspects, suspects.size()), memory.elsewhere(), document);
        return document;
      }));
  add("pictures", pictures(look, suspects));
  add("type_shares", json_of(type_shares(heap, kMostPlaces)));
  add("dominator_shares", json_of(dominator_shares(heap, kMostPlaces)));
  add("histogram", part(
                       [&] {
                         const auto all = histogram(heap.graph(), &heap.objects());
                         return histogram_document(all, all, HistogramSort::kBytes, kMostTypes);
                       },
                       kLongestName));
  add("stacks", part([&] {
        Document document = stacks_document(heap, {.most_frames = kMostFrames, .repr = 120});
        cut_tables(document, kMostStacks);
        return document;
      }));
  add("garbage", part([&] { return garbage_document(heap, kMostGarbage); }));
  add("tracemalloc", part([&] { return sites_document(heap); }));
  if (!earlier.summaries.empty()) {
    earlier.summaries.push_back(summarize(heap, {}));
    text += growth_parts(earlier.summaries);
  }
  return text + "}";
}

std::string report_data_of_two(const std::string& first, const std::string& second, Document side_by_side,
                               std::string_view version) {
  return "{\"heapglass\": " + json_string(version) + ", \"about\": " + json_value(about(of_this_host())) +
         ", \"made\": " + std::to_string(static_cast<std::int64_t>(std::time(nullptr))) + ", \"targets\": [" +
         first + ", " + second +
         "], \"side_by_side\": " + part([&] { return std::move(side_by_side); }, kLongestName) + "}";
}

std::string json_for_html(std::string_view json) {
  std::string text;
  text.reserve(json.size() + json.size() / 16);
  for (const char c : json) {
    // Outside of strings JSON has none of these. U+2028 and U+2029 are escapes already.
    if (c == '<')
      text += "\\u003c";
    else if (c == '>')
      text += "\\u003e";
    else if (c == '&')
      text += "\\u0026";
    else
      text += c;
  }
  return text;
}

std::string report_page(std::string_view data, bool served) {
  std::string page(kReportPage);
  const auto put = [&](std::string_view place, const std::string& text) {
    std::size_t at = page.find(place);
    if (at == page.npos) throw std::logic_error("the page of report has no place " + std::string(place));
    for (; at != page.npos; at = page.find(place, at + text.size())) page.replace(at, place.size(), text);
  };
  put("@HEAPGLASS_CONNECT@", served ? "'self'" : "'none'");
  put("@HEAPGLASS_DATA@", json_for_html(data));
  return page;
}

}  // namespace heapglass
