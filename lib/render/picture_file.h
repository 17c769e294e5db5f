// A Picture laid out and drawn by Graphviz. That can take long or crash, so it happens in a child with a
// deadline.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/render/formats.h"

namespace heapglass {

// Layout took too long, Graphviz failed or cannot draw the format here: the DOT text can still be had.
struct PictureError : Error {
  using Error::Error;
};

constexpr std::size_t kManyNodes = 200;      // more: a warning
constexpr std::size_t kTooManyNodes = 3000;  // more: refused unless forced

// `format` is a name that Graphviz knows: svg, png, pdf.
std::string draw(const Picture&, std::string_view format, const RenderOptions&, Warnings&);

Warnings render_svg(const Document&, const RenderOptions&, std::ostream&);
Warnings render_png(const Document&, const RenderOptions&, std::ostream&);
Warnings render_pdf(const Document&, const RenderOptions&, std::ostream&);

// Folders and files that drawing svg, png or pdf may open: plugins, the libraries that they want, and fonts.
// Which of them is told only by the picture's text.
std::vector<std::string> files_of_drawing();

}  // namespace heapglass
