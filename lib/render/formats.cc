#include "lib/render/formats.h"

#include "lib/base/choices.h"
#include "lib/base/error.h"
#include "lib/render/csv.h"
#include "lib/render/dot.h"
#include "lib/render/json.h"
#include "lib/render/picture_file.h"
#include "lib/render/pprof.h"
#include "lib/render/speedscope.h"
#include "lib/render/text.h"

namespace heapglass {
namespace {

constexpr Format kFormats[] = {
    {"text", "a table for people", false, false, render_text, false, true},
    {"json", "one object with stable keys", false, false, render_json, false, true},
    {"csv", "the first table, RFC 4180", false, false, render_csv},
    {"dot", "a graph for Graphviz", true, false, render_dot},
    {"svg", "a picture for browsers", true, false, render_svg},
    {"png", "a picture", true, true, render_png},
    {"pdf", "a picture for paper", true, true, render_pdf},
    {"speedscope", "a flame graph for speedscope.app", false, false, render_speedscope, true},
    {"pprof", "a flame graph for go tool pprof", false, true, render_pprof, true},
};

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format& find_format(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Format& format : kFormats) {
    if (format.name == name) return format;
    known.push_back(format.name);
  }
  throw invalid_choice("--format", name, known);
}

const Format* format_of_file(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return nullptr;
  std::string extension;
  for (const char c : path.substr(dot + 1)) extension += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (extension == "gv") extension = "dot";
  if (extension == "txt") extension = "text";
  for (const Format& format : kFormats) {
    if (format.name == extension) return &format;
  }
  return nullptr;
}

}  // namespace heapglass
