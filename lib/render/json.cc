#include "lib/render/json.h"

#include <cstdio>
#include <ostream>

#include "lib/render/numbers.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

bool for_programs(const Column& column) { return column.audience != Audience::kPeople; }

std::string record(const std::vector<Field>& fields) {
  std::string text = "{";
  for (const Field& field : fields) {
    if (!for_programs(field.column)) continue;
    if (text.size() > 1) text += ", ";
    text += json_string(field.column.key) + ": " + json_value(field.value);
  }
  return text + "}";
}

std::string row_record(const Table& table, const Row& row) {
  std::string text = "{";
  for (std::size_t i = 0; i < table.columns.size() && i < row.size(); ++i) {
    if (!for_programs(table.columns[i])) continue;
    if (text.size() > 1) text += ", ";
    text += json_string(table.columns[i].key) + ": " + json_value(row[i]);
  }
  return text + "}";
}

struct ValueWriter {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(bool yes) const { return yes ? "true" : "false"; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(std::uint64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const { return plain(number); }
  std::string operator()(Address address) const { return std::to_string(value(address)); }
  std::string operator()(const std::string& text) const { return json_string(text); }
  std::string operator()(const Record& fields) const { return record(fields); }
  std::string operator()(const List& list) const {
    std::string text = "[";
    for (const Cell& cell : list) text += (text.size() > 1 ? ", " : "") + json_value(cell);
    return text + "]";
  }
  std::string operator()(const Tables& tables) const {
    std::string text = "[";
    for (const Table& table : tables) {
      for (const Row& row : table.rows) text += (text.size() > 1 ? ", " : "") + row_record(table, row);
    }
    return text + "]";
  }
};

const char* name(PictureNode::Kind kind) {
  switch (kind) {
    case PictureNode::Kind::kObject:
      return "object";
    case PictureNode::Kind::kModule:
      return "module";
    case PictureNode::Kind::kClass:
      return "class";
    case PictureNode::Kind::kFrame:
      return "frame";
    case PictureNode::Kind::kRoot:
      return "root";
  }
  return "";
}

const char* name(PictureEdge::Kind kind) {
  switch (kind) {
    case PictureEdge::Kind::kStrong:
      return "strong";
    case PictureEdge::Kind::kWeak:
      return "weak";
    case PictureEdge::Kind::kGuess:
      return "guess";
  }
  return "";
}

// The members of the document's object, each on lines of its own.
class Writer {
 public:
  Writer(std::ostream& out, bool one_line) : out_(out), one_line_(one_line) {}

  void member(std::string_view key) {
    out_ << (first_ ? "" : one_line_ ? ", " : ",") << (one_line_ ? "" : "\n  ") << json_string(key) << ": ";
    first_ = false;
  }

  // `each(i)` is the text of element i.
  template <class Each>
  void array(std::string_view indent, std::size_t count, const Each& each) {
    out_ << '[';
    for (std::size_t i = 0; i < count; ++i) {
      if (one_line_) {
        out_ << (i ? ", " : "");
      } else {
        out_ << (i ? ",\n" : "\n") << indent << "  ";
      }
      out_ << each(i);
    }
    if (count && !one_line_) out_ << '\n' << indent;
    out_ << ']';
  }

  void section(const Table& table) {
    member(table.key);
    array("  ", table.rows.size(), [&](std::size_t i) { return row_record(table, table.rows[i]); });
  }

  // {"name", "unit", "frames": [...], "samples": [{"stack", "weight", "count"}]}, the outermost frame first.
  void section(const Profile& profile) {
    member("profile");
    out_ << "{\"name\": " << json_string(profile.name) << ", \"unit\": " << json_string(profile.unit)
         << (one_line_ ? ", \"frames\": " : ",\n    \"frames\": ");
    array("    ", profile.frames.size(), [&](std::size_t i) { return json_string(profile.frames[i]); });
    out_ << (one_line_ ? ", \"samples\": " : ",\n    \"samples\": ");
    array("    ", profile.samples.size(), [&](std::size_t i) {
      const ProfileSample& sample = profile.samples[i];
      return json_value(Record{{{"stack"}, List(sample.stack.begin(), sample.stack.end())},
                               {{"weight"}, sample.weight},
                               {{"count"}, sample.count}});
    });
    out_ << (one_line_ ? "}" : "\n  }");
  }

  void section(const Picture& picture) {
    member("graph");
    out_ << (one_line_ ? "{\"nodes\": " : "{\n    \"nodes\": ");
    array("    ", picture.nodes.size(), [&](std::size_t i) { return json_value(node(picture.nodes[i], i)); });
    out_ << (one_line_ ? ", \"edges\": " : ",\n    \"edges\": ");
    array("    ", picture.edges.size(),
          [&](std::size_t i) { return json_value(edge(picture, picture.edges[i])); });
    out_ << (one_line_ ? "}" : "\n  }");
  }

 private:
  static Cell id(const Picture& picture, std::size_t i) {
    if (is_null(picture.nodes.at(i).address)) return "root" + std::to_string(i);
    return picture.nodes[i].address;
  }
  Cell node(const PictureNode& node, std::size_t i) const {
    Record fields{{{"id"}, is_null(node.address) ? Cell("root" + std::to_string(i)) : Cell(node.address)},
                  {{"kind"}, name(node.kind)}};
    List lines(node.lines.begin(), node.lines.end());
    fields.push_back({{"type"}, lines.empty() ? Cell() : lines[0]});
    if (!lines.empty()) lines.erase(lines.begin());
    fields.push_back({{"text"}, std::move(lines)});
    fields.push_back({{"depth"}, node.depth});
    const auto flag = [&fields](const char* key, bool set) {
      if (set) fields.push_back({{key}, true});
    };
    flag("start", node.start);
    flag("highlight", node.highlight);
    flag("untracked", node.untracked);
    flag("immortal", node.immortal);
    flag("has_del", node.has_del);
    if (node.more) fields.push_back({{"more"}, node.more});
    return fields;
  }
  static Cell edge(const Picture& picture, const PictureEdge& edge) {
    return Record{{{"from"}, id(picture, edge.from)},
                  {{"to"}, id(picture, edge.to)},
                  {{"label"}, edge.label},
                  {{"kind"}, name(edge.kind)}};
  }

  std::ostream& out_;
  bool one_line_;
  bool first_ = true;
};

}  // namespace

namespace {

void append_escape(std::string& to, char32_t unit) {
  char escape[16];
  std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(unit));
  to += escape;
}

void append_escaped(std::string& to, char32_t point) {
  if (point < 0x10000) {
    append_escape(to, point);
    return;
  }
  append_escape(to, 0xD800 + ((point - 0x10000) >> 10));
  append_escape(to, 0xDC00 + ((point - 0x10000) & 0x3FF));
}

}  // namespace

std::string json_string(std::string_view text) {
  constexpr char32_t kOfByte = 0xDC00;  // as os.fsdecode() tells a byte that is no text
  std::string quoted = "\"";
  quoted.reserve(text.size() + 2);
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (!point.valid) {
      for (const char byte : text.substr(0, point.bytes))
        append_escape(quoted, kOfByte + static_cast<unsigned char>(byte));
    } else if (point.value == '"' || point.value == '\\') {
      quoted += '\\';
      quoted += static_cast<char>(point.value);
    } else if (point.value == '\n') {
      quoted += "\\n";
    } else if (point.surrogate || is_hidden(point.value)) {
      append_escaped(quoted, point.value);
    } else {
      quoted += text.substr(0, point.bytes);
    }
    text.remove_prefix(point.bytes);
  }
  return quoted + '"';
}

std::string json_value(const Cell& cell) { return std::visit(ValueWriter(), cell); }

std::string json_caveats(const std::vector<Caveat>& caveats) {
  List list;
  for (const Caveat& caveat : caveats)
    list.push_back(Record{{{"kind"}, caveat.kind},
                          {{"count"}, caveat.count ? Cell(caveat.count) : Cell()},
                          {{"examples"}, List(caveat.examples.begin(), caveat.examples.end())}});
  return json_value(list);
}

Warnings render_json(const Document& document, const RenderOptions& options, std::ostream& out) {
  Writer writer(out, options.one_line);
  out << '{';
  if (!document.about.empty()) {
    writer.member("about");
    out << json_value(document.about);
  }
  for (const Field& field : document.fields) {
    if (!for_programs(field.column)) continue;
    writer.member(field.column.key);
    out << json_value(field.value);
  }
  for (const Section& section : document.sections) {
    std::visit([&writer](const auto& part) { writer.section(part); }, section);
  }
  if (!document.notes.empty()) {
    writer.member("notes");
    out << json_value(List(document.notes.begin(), document.notes.end()));
  }
  if (!document.caveats.empty()) {
    writer.member("caveats");
    out << json_caveats(document.caveats);
  }
  out << (options.one_line ? "}\n" : "\n}\n");
  return {};
}

}  // namespace heapglass
