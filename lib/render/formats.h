// The list of output formats. To add one: a file with its render function and a row in formats.cc.
#pragma once

#include <chrono>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/render/report.h"

namespace heapglass {

enum class PictureStyle {
  kDefault,
  kObjgraph,  // the nodes, edges, labels and colours of objgraph's own drawing
};

struct RenderOptions {
  std::size_t width = 0;  // columns of the terminal; 0: none, so only cells over 400 columns are cut
  bool color = false;
  bool unicode = false;      // rules and ellipses beyond ASCII
  bool exact_bytes = false;  // 12,345,678 instead of 12.3 MB
  bool one_line = false;     // JSON on a single line
  bool csv_raw = false;      // CSV with text as it is, which a spreadsheet may compute
  PictureStyle style = PictureStyle::kDefault;
  std::chrono::milliseconds picture_deadline{30'000};
  bool force = false;  // draw however large the picture is
};

using Warnings = std::vector<std::string>;  // a line each, for stderr

struct Format {
  std::string_view name;  // also the file name's extension
  std::string_view summary;
  bool draws = false;   // needs a Picture
  bool binary = false;  // not for a terminal
  // Throws Error when the document cannot be shown so.
  Warnings (*render)(const Document&, const RenderOptions&, std::ostream&);
  bool profiles = false;  // needs a Profile
  bool notes = false;     // has room for what a document notes: where not, stderr has
};

std::span<const Format> formats();
const Format& find_format(std::string_view name);     // throws Error that lists what there is
const Format* format_of_file(std::string_view path);  // by extension; null when it names none

}  // namespace heapglass
