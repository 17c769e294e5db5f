#include "lib/render/csv.h"

#include <algorithm>
#include <iterator>
#include <ostream>
#include <string>

#include "lib/render/json.h"
#include "lib/render/utf8.h"

namespace heapglass {

namespace {

// Excel, LibreOffice and Google Sheets take a cell for a formula that begins so, blanks and quotes before it
// or not, and in the full-width forms of East Asian keyboards too.
bool would_be_computed(std::string_view text) {
  constexpr std::string_view kPassedOver = " \"'\xC2\xA0\xE3\x80\x80";
  constexpr std::string_view kBegin[] = {"=",  "+",      "-",      "@",      "\t",    "\r",
                                         "\n", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
  text.remove_prefix(std::min(text.find_first_not_of(kPassedOver), text.size()));
  return std::any_of(std::begin(kBegin), std::end(kBegin),
                     [text](std::string_view begin) { return text.starts_with(begin); });
}

std::string quoted(std::string text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + '"';
}

}  // namespace

std::string csv_field(std::string_view text, CsvText how) {
  if (how == CsvText::kRaw) return quoted(valid_utf8(text));
  return quoted((would_be_computed(text) ? "'" : "") + printable(text));
}

namespace {

std::string field(const Cell& cell, CsvText how) {
  if (std::holds_alternative<std::monostate>(cell)) return "";
  if (const auto* text = std::get_if<std::string>(&cell)) return csv_field(*text, how);
  return quoted(json_value(cell));
}

void write(const Table& table, CsvText how, std::ostream& out) {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].audience != Audience::kPeople) shown.push_back(i);
  }
  for (std::size_t i = 0; i < shown.size(); ++i)
    out << (i ? "," : "") << csv_field(table.columns[shown[i]].key, how);
  out << "\r\n";
  for (const Row& row : table.rows) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      out << (i ? "," : "") << (shown[i] < row.size() ? field(row[shown[i]], how) : "");
    }
    out << "\r\n";
  }
}

Table edges(const Picture& picture) {
  Table table;
  table.columns = {{"from"}, {"to"}, {"from_type"}, {"to_type"}, {"label"}};
  const auto type = [&](std::uint32_t i) -> Cell {
    return picture.nodes.at(i).lines.empty() ? Cell() : Cell(picture.nodes[i].lines[0]);
  };
  for (const PictureEdge& edge : picture.edges) {
    table.rows.push_back({picture.nodes.at(edge.from).address, picture.nodes.at(edge.to).address,
                          type(edge.from), type(edge.to), edge.label});
  }
  return table;
}

// A stack a row, its frames apart by semicolons, as flamegraph.pl takes them.
Table stacks(const Profile& profile) {
  Table table;
  table.columns = {{"stack"}, {"weight"}, {"count"}};
  for (const ProfileSample& sample : profile.samples) {
    std::string text;
    for (const std::uint32_t frame : sample.stack)
      text += (text.empty() ? "" : ";") + profile.frames.at(frame);
    table.rows.push_back({text, sample.weight, sample.count});
  }
  return table;
}

Table one_row(const std::vector<Field>& fields) {
  Table table;
  Row row;
  for (const Field& field : fields) {
    table.columns.push_back(field.column);
    row.push_back(field.value);
  }
  table.rows.push_back(row);
  return table;
}

}  // namespace

Warnings render_csv(const Document& document, const RenderOptions& options, std::ostream& out) {
  const CsvText how = options.csv_raw ? CsvText::kRaw : CsvText::kSafe;
  if (document.sections.empty()) {
    write(one_row(document.fields), how, out);
    return {};
  }
  const Section& first = document.sections[0];
  if (const auto* table = std::get_if<Table>(&first)) {
    write(*table, how, out);
  } else if (const auto* profile = std::get_if<Profile>(&first)) {
    write(stacks(*profile), how, out);
  } else {
    write(edges(std::get<Picture>(first)), how, out);
  }
  if (document.sections.size() < 2) return {};
  return {"CSV holds one table: the others are in --format json"};
}

}  // namespace heapglass
