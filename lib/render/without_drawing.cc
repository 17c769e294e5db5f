// Stands for picture_file.cc and plot.cc in the static build. A command that draws was handed to
// heapglass-draw (lib/open/drawing_program.h) or refused before its target was opened, so these are reached
// by mistakes of ours alone.
#include "lib/render/drawing.h"
#include "lib/render/picture_file.h"
#include "lib/render/plot.h"

namespace heapglass {
namespace {

[[noreturn]] void refuse(std::string_view format) {
  throw PictureError(ErrorKind::kUsage, "this heapglass draws no " + std::string(format),
                     "write DOT (-o FILE.dot), or install heapglass-draw beside it");
}

}  // namespace

bool can_draw() { return false; }

std::string draw(const Picture&, std::string_view format, const RenderOptions&, Warnings&) { refuse(format); }
std::string draw_plot(const Plot&, std::string_view format) { refuse(format); }
Warnings render_svg(const Document&, const RenderOptions&, std::ostream&) { refuse("svg"); }
Warnings render_png(const Document&, const RenderOptions&, std::ostream&) { refuse("png"); }
Warnings render_pdf(const Document&, const RenderOptions&, std::ostream&) { refuse("pdf"); }
std::vector<std::string> files_of_drawing() { return {}; }

}  // namespace heapglass
