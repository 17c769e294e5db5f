#include "lib/render/dot.h"

#include <ostream>

#include "lib/base/error.h"
#include "lib/render/graphviz.h"

namespace heapglass {

std::string to_dot(const Picture& picture, PictureStyle style) {
  return write_graph(build_graph(picture, style).get());
}

const Picture& picture_of(const Document& document, std::string_view format) {
  for (const Section& section : document.sections) {
    if (const auto* picture = std::get_if<Picture>(&section)) return *picture;
  }
  throw Error(ErrorKind::kUsage,
              "format " + std::string(format) + " draws a graph, but this answer is a table",
              "choose text, json or csv");
}

Warnings render_dot(const Document& document, const RenderOptions& options, std::ostream& out) {
  out << to_dot(picture_of(document, "dot"), options.style);
  return {};
}

}  // namespace heapglass
