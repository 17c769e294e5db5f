#include "lib/render/text.h"

#include <algorithm>
#include <ostream>

#include "lib/render/numbers.h"
#include "lib/render/text_tree.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr std::size_t kGap = 2;            // columns between columns
constexpr std::size_t kNarrowest = 16;     // a text column is not cut below this
constexpr std::size_t kLongestText = 400;  // of a cell where there is no terminal to fit

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kPlain = "\x1b[0m";

bool for_people(const Column& column) { return column.audience != Audience::kPrograms; }
std::string title(const Column& column) {
  return printable(column.title.empty() ? column.key : column.title);
}
bool right_aligned(Kind kind) {
  return kind != Kind::kText && kind != Kind::kSentence && kind != Kind::kAddress;
}

std::string signed_text(std::int64_t number, const std::string& magnitude) {
  return (number > 0 ? "+" : number < 0 ? "-" : "") + magnitude;
}

std::uint64_t magnitude(std::int64_t number) {
  return number < 0 ? ~static_cast<std::uint64_t>(number) + 1 : static_cast<std::uint64_t>(number);
}

struct ValueText {
  Kind kind;
  const RenderOptions& options;

  std::string bytes(std::uint64_t number) const {
    return options.exact_bytes ? grouped(number) : human_bytes(number);
  }
  std::string operator()(std::monostate) const { return "-"; }
  std::string operator()(bool yes) const { return yes ? "yes" : "no"; }
  std::string operator()(Address address) const { return to_hex(address); }
  std::string operator()(const std::string& text) const { return printable(text); }
  std::string operator()(std::uint64_t number) const {
    switch (kind) {
      case Kind::kBytes:
        return bytes(number);
      case Kind::kBytesDelta:
        return (number ? "+" : "") + bytes(number);
      case Kind::kCountDelta:
        return (number ? "+" : "") + grouped(number);
      case Kind::kPercent:
        return human_percent(static_cast<double>(number));
      case Kind::kMilliseconds:
        return human_milliseconds(static_cast<double>(number));
      case Kind::kAddress:
        return to_hex(Address{number});
      case Kind::kPlainNumber:
        return std::to_string(number);
      default:
        return grouped(number);
    }
  }
  std::string operator()(std::int64_t number) const {
    if (kind == Kind::kBytesDelta) return signed_text(number, bytes(magnitude(number)));
    if (kind == Kind::kCountDelta) return signed_text(number, grouped(magnitude(number)));
    if (number >= 0) return (*this)(static_cast<std::uint64_t>(number));
    if (kind == Kind::kBytes) return "-" + bytes(magnitude(number));
    if (kind == Kind::kPercent || kind == Kind::kMilliseconds) return (*this)(static_cast<double>(number));
    return kind == Kind::kPlainNumber ? std::to_string(number) : grouped(number);
  }
  std::string operator()(double number) const {
    if (kind == Kind::kPercent) return human_percent(number);
    if (kind == Kind::kMilliseconds) return human_milliseconds(number);
    return plain(number);
  }
  std::string operator()(const List& list) const {
    std::string text;
    for (const Cell& cell : list) text += (text.empty() ? "" : ", ") + text_value(cell, kind, options);
    return text;
  }
  std::string operator()(const Record& record) const {
    std::string text;
    for (const Field& field : record) {
      if (!for_people(field.column)) continue;
      text += (text.empty() ? "" : ", ") + title(field.column) + " " +
              text_value(field.value, field.column.kind, options);
    }
    return text;
  }
  std::string operator()(const Tables&) const { return ""; }  // stands below the row
};

// At blanks; a word longer than the line is broken.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  if (width == 0 || display_width(text) <= width) return {text};
  std::vector<std::string> lines(1);
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t word_end = std::min(text.find(' ', at + 1), text.size());
    std::string word = text.substr(at, word_end - at);
    if (columns != 0 && columns + display_width(word) > width) {
      lines.emplace_back();
      columns = 0;
    }
    if (columns == 0 && lines.size() > 1 && word[0] == ' ') word.erase(0, 1);
    while (display_width(word) > width) {
      std::string head = cut_end(word, width, "");
      if (head.empty()) head = word.substr(0, decode_utf8(word).bytes);
      word.erase(0, head.size());
      lines.back() += head;
      lines.emplace_back();
    }
    lines.back() += word;
    columns = display_width(lines.back());
    at = word_end;
  }
  return lines;
}

class TextWriter {
 public:
  TextWriter(std::ostream& out, const RenderOptions& options)
      : out_(out), options_(options), ellipsis_(options.unicode ? "…" : "..") {}

  void fields(const std::vector<Field>& fields, std::size_t indent) {
    std::size_t widest = 0;
    for (const Field& field : fields) {
      if (for_people(field.column)) widest = std::max(widest, display_width(title(field.column)));
    }
    for (const Field& field : fields) {
      if (!for_people(field.column)) continue;
      if (const auto* tables = std::get_if<Tables>(&field.value)) {
        blanks(indent);
        styled(kDim, title(field.column));
        out_ << '\n';
        for (const Table& table : *tables) this->table(table, indent + 2);
        continue;
      }
      const std::size_t left = indent + widest + kGap;
      bool first = true;
      for (const std::string& line :
           wrapped(text_value(field.value, field.column.kind, options_), room_after(left))) {
        blanks(first ? indent : left);
        if (first) {
          styled(kDim, title(field.column));
          blanks(left - indent - display_width(title(field.column)));
        }
        first = false;
        out_ << line << '\n';
      }
    }
  }

  void table(const Table& table, std::size_t indent) {
    if (!table.title.empty()) {
      blanks(indent);
      styled(kBold, printable(table.title));
      out_ << '\n';
    }
    if (table.layout == Table::Layout::kBlocks) {
      blocks(table, indent);
    } else {
      columns(table, indent);
    }
    notes(table.notes, indent);
  }

  void notes(const std::vector<std::string>& notes, std::size_t indent) {
    for (const std::string& note : notes) {
      for (const std::string& line : wrapped(printable(note), room_after(indent))) {
        blanks(indent);
        styled(kDim, line);
        out_ << '\n';
      }
    }
  }

  void picture(const Picture& picture) {
    if (!picture.title.empty()) {
      styled(kBold, printable(picture.title));
      out_ << '\n';
    }
    write_tree(picture, options_, out_);
    notes(picture.notes, 0);
  }

 private:
  struct Shown {  // a column that people see
    std::size_t index;
    Kind kind;
    std::size_t width;
  };

  void blanks(std::size_t count) { out_ << std::string(count, ' '); }
  void styled(const char* style, const std::string& text) {
    if (options_.color) {
      out_ << style << text << kPlain;
    } else {
      out_ << text;
    }
  }
  std::size_t room_after(std::size_t indent) const {
    if (options_.width == 0) return 0;
    return std::max(options_.width > indent ? options_.width - indent : 0, kNarrowest);
  }

  void blocks(const Table& table, std::size_t indent) {
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      if (r) out_ << '\n';
      std::vector<Field> block;
      for (std::size_t i = 0; i < table.columns.size() && i < table.rows[r].size(); ++i) {
        const Cell& cell = table.rows[r][i];
        if (!std::holds_alternative<std::monostate>(cell)) block.push_back({table.columns[i], cell});
      }
      fields(block, indent);
    }
    if (table.rows.empty()) empty(indent);
  }

  void empty(std::size_t indent) {
    blanks(indent);
    styled(kDim, "(none)");
    out_ << '\n';
  }

  std::string text_of(const Row& row, const Shown& column) const {
    if (column.index >= row.size()) return "";
    return text_value(row[column.index], column.kind, options_);
  }

  // The columns at their natural widths, then shrunk to the terminal, widest text first.
  std::vector<Shown> shown_columns(const Table& table, std::size_t indent) const {
    std::vector<Shown> shown;
    std::size_t total = indent;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const Column& column = table.columns[i];
      const auto nested = [i](const Row& row) {
        return i < row.size() && std::holds_alternative<Tables>(row[i]);
      };
      if (!for_people(column) || std::any_of(table.rows.begin(), table.rows.end(), nested)) continue;
      Shown entry{i, column.kind, display_width(title(column))};
      for (const Row& row : table.rows)
        entry.width = std::max(entry.width, display_width(text_of(row, entry)));
      if (table.totals) entry.width = std::max(entry.width, display_width(text_of(*table.totals, entry)));
      if (entry.kind == Kind::kText) entry.width = std::min(entry.width, kLongestText);
      total += entry.width + (shown.empty() ? 0 : kGap);
      shown.push_back(entry);
    }
    leave_out_spare(table, shown, total);
    while (options_.width != 0 && total > options_.width) {
      Shown* widest = nullptr;
      std::size_t second = kNarrowest;
      for (Shown& entry : shown) {
        if (!shrinks(entry)) continue;
        if (!widest || entry.width > widest->width) {
          if (widest) second = std::max(second, widest->width);
          widest = &entry;
        } else {
          second = std::max(second, entry.width);
        }
      }
      if (!widest) break;
      const std::size_t excess = total - options_.width;
      const std::size_t cut = std::min(excess, std::max<std::size_t>(widest->width - second, 1));
      widest->width -= cut;
      total -= cut;
    }
    return shown;
  }

  static bool shrinks(const Shown& column) {
    return !right_aligned(column.kind) && column.kind != Kind::kAddress && column.width > kNarrowest;
  }

  // Until the rest fits, its texts cut as far as they are ever cut.
  void leave_out_spare(const Table& table, std::vector<Shown>& shown, std::size_t& total) const {
    if (options_.width == 0) return;
    std::size_t least = total;
    for (const Shown& each : shown)
      if (shrinks(each)) least -= each.width - kNarrowest;
    while (least > options_.width) {
      const auto spare = [&](const Shown& each) { return table.columns[each.index].spare; };
      const auto most = std::max_element(shown.begin(), shown.end(),
                                         [&](const Shown& a, const Shown& b) { return spare(a) < spare(b); });
      if (most == shown.end() || spare(*most) == 0) return;
      least -= (shrinks(*most) ? kNarrowest : most->width) + kGap;
      total -= most->width + kGap;
      shown.erase(most);
    }
  }

  // What is not shown of a table for want of room.
  void left_out(const Table& table, const std::vector<Shown>& shown, std::size_t indent) {
    std::string titles;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const Column& column = table.columns[i];
      if (column.spare == 0 || !for_people(column)) continue;
      if (std::any_of(shown.begin(), shown.end(), [&](const Shown& each) { return each.index == i; }))
        continue;
      titles += (titles.empty() ? "" : ", ") + title(column);
    }
    if (!titles.empty())
      notes({"left out here: " + titles + " (a wider terminal, or --format json, has them)"}, indent);
  }

  void columns(const Table& table, std::size_t indent) {
    const std::vector<Shown> shown = shown_columns(table, indent);
    std::vector<std::string> heads;
    heads.reserve(shown.size());
    for (const Shown& column : shown) heads.push_back(title(table.columns[column.index]));
    line(shown, heads, indent, options_.color ? kBold : "");
    rule(shown, indent);
    for (const Row& row : table.rows) {
      data(shown, row, indent);
      for (std::size_t i = 0; i < row.size() && i < table.columns.size(); ++i) {
        const auto* nested = for_people(table.columns[i]) ? std::get_if<Tables>(&row[i]) : nullptr;
        if (!nested) continue;
        for (const Table& inner : *nested) this->table(inner, indent + 4);
      }
    }
    if (table.rows.empty()) empty(indent);
    if (table.totals) {
      rule(shown, indent);
      data(shown, *table.totals, indent);
    }
    left_out(table, shown, indent);
  }

  void rule(const std::vector<Shown>& shown, std::size_t indent) {
    blanks(indent);
    std::string text;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (i) text += std::string(kGap, ' ');
      for (std::size_t n = 0; n < shown[i].width; ++n) text += options_.unicode ? "─" : "-";
    }
    styled(kDim, text);
    out_ << '\n';
  }

  void data(const std::vector<Shown>& shown, const Row& row, std::size_t indent) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (const Shown& column : shown) {
      const std::string text = text_of(row, column);
      cells.push_back(column.kind == Kind::kSentence
                          ? wrapped(text, column.width)
                          : std::vector<std::string>{cut_middle(text, column.width, ellipsis_)});
      height = std::max(height, cells.back().size());
    }
    for (std::size_t l = 0; l < height; ++l) {
      std::vector<std::string> texts;
      texts.reserve(cells.size());
      for (const auto& cell : cells) texts.push_back(l < cell.size() ? cell[l] : "");
      line(shown, texts, indent, "");
    }
  }

  void line(const std::vector<Shown>& shown, const std::vector<std::string>& texts, std::size_t indent,
            const char* style) {
    std::string text(indent, ' ');
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const std::size_t width = display_width(texts[i]);
      const std::string pad(shown[i].width > width ? shown[i].width - width : 0, ' ');
      if (i) text += std::string(kGap, ' ');
      text += right_aligned(shown[i].kind) ? pad + texts[i] : texts[i] + pad;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    if (*style) {
      styled(style, text);
    } else {
      out_ << text;
    }
    out_ << '\n';
  }

  std::ostream& out_;
  const RenderOptions& options_;
  std::string_view ellipsis_;
};

}  // namespace

std::string text_value(const Cell& cell, Kind kind, const RenderOptions& options) {
  return std::visit(ValueText{kind, options}, cell);
}

Warnings render_text(const Document& document, const RenderOptions& options, std::ostream& out) {
  TextWriter writer(out, options);
  writer.fields(document.fields, 0);
  bool something = std::any_of(document.fields.begin(), document.fields.end(),
                               [](const Field& field) { return for_people(field.column); });
  for (const Section& section : document.sections) {
    if (std::holds_alternative<Profile>(section)) continue;  // what is in it the tables beside it tell
    if (something) out << '\n';
    something = true;
    if (const auto* table = std::get_if<Table>(&section)) {
      writer.table(*table, 0);
    } else {
      writer.picture(std::get<Picture>(section));
    }
  }
  if (something && !document.notes.empty()) out << '\n';
  writer.notes(document.notes, 0);
  return {};
}

}  // namespace heapglass
