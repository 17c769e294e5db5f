#include "lib/render/csv.h"

#include <ostream>
#include <string>

#include "lib/render/json.h"

namespace heapglass {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + '"';
}

namespace {

std::string field(const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return "";
  if (const auto* text = std::get_if<std::string>(&cell)) return csv_field(*text);
  return csv_field(json_value(cell));
}

void write(const Table& table, std::ostream& out) {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].audience != Audience::kPeople) shown.push_back(i);
  }
  for (std::size_t i = 0; i < shown.size(); ++i)
    out << (i ? "," : "") << csv_field(table.columns[shown[i]].key);
  out << "\r\n";
  for (const Row& row : table.rows) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      out << (i ? "," : "") << (shown[i] < row.size() ? field(row[shown[i]]) : "");
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

Warnings render_csv(const Document& document, const RenderOptions&, std::ostream& out) {
  if (document.sections.empty()) {
    write(one_row(document.fields), out);
    return {};
  }
  const Section& first = document.sections[0];
  if (const auto* table = std::get_if<Table>(&first)) {
    write(*table, out);
  } else if (const auto* profile = std::get_if<Profile>(&first)) {
    write(stacks(*profile), out);
  } else {
    write(edges(std::get<Picture>(first)), out);
  }
  if (document.sections.size() < 2) return {};
  return {"CSV holds one table: the others are in --format json"};
}

}  // namespace heapglass
