// Documents for the tests of this folder.
#pragma once

#include <string>

#include "lib/render/report.h"

namespace heapglass {

inline const std::string kNasty[] = {
    "plain",
    "",
    " ",
    "\\",
    "a\\",
    "q\\\"z",
    "say \"hi\"",
    "two\nlines",
    std::string("nul\0inside", 10),
    "\\l\\N\\G",
    "<b>html</b>",
    "<not closed",
    "&amp;",
    "bad \xff\xfe utf-8",
    "lone \xED\xA0\x80 surrogate",
    "\x1b[31mred",
    "größe 漢字 😀",
    "a,b;c|d{e}f",
    "x -> y",
    "C:\\x\\",
};

inline Document histogram() {
  Table table;
  table.key = "types";
  table.columns = {{"type", "Type"},
                   {"count", "Count", Kind::kCount},
                   {"bytes", "Size", Kind::kBytes},
                   {"share", "Share", Kind::kPercent},
                   {"retained_bytes", "", Kind::kBytes, Audience::kPrograms}};
  table.rows = {{"dict", 12345678, 1234567890LL, 0.534, {}}, {"collections.OrderedDict", 1, 232, 0.00001, 5}};
  table.totals = Row{"total", 12345679, 1234568122LL, 1.0, {}};
  table.notes = {"3 objects could not be read"};
  Document document;
  document.fields = {{{"total", "", Kind::kText, Audience::kPrograms},
                      Record{{{"objects"}, 12345679}, {{"bytes"}, 1234568122LL}}}};
  document.sections.push_back(table);
  return document;
}

// A start that each of `texts` holds, as type, text, figures and label.
template <class Texts>
Picture star(const Texts& texts) {
  Picture picture;
  picture.title = "Who holds it";
  PictureNode start;
  start.address = Address{1000};
  start.lines = {"app.Session", "17", "56 B"};
  start.start = true;
  picture.nodes.push_back(start);
  for (const std::string& text : texts) {
    PictureNode node;
    node.address = Address{1000 + 16 * picture.nodes.size()};
    node.lines = {text, text, text};
    node.depth = 1;
    picture.edges.push_back({static_cast<std::uint32_t>(picture.nodes.size()), 0, text});
    picture.nodes.push_back(node);
  }
  return picture;
}

inline Document document_of(Picture picture) {
  Document document;
  document.sections.push_back(std::move(picture));
  return document;
}

}  // namespace heapglass
