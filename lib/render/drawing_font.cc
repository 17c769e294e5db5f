#include "lib/render/drawing_font.h"

#include <cairo-ft.h>
#include <ft2build.h>
#include FT_FREETYPE_H

#include <array>

#include "lib/base/error.h"

// HEAPGLASS_FONT_REGULAR and HEAPGLASS_FONT_BOLD are files that CMake found.
__asm__(
    ".pushsection .rodata\n"
    ".global heapglass_font_regular, heapglass_font_regular_end, heapglass_font_bold, "
    "heapglass_font_bold_end\n"
    ".balign 16\n"
    "heapglass_font_regular: .incbin \"" HEAPGLASS_FONT_REGULAR
    "\"\n"
    "heapglass_font_regular_end:\n"
    ".balign 16\n"
    "heapglass_font_bold: .incbin \"" HEAPGLASS_FONT_BOLD
    "\"\n"
    "heapglass_font_bold_end:\n"
    ".popsection\n");
extern "C" {
extern const unsigned char heapglass_font_regular[], heapglass_font_regular_end[];
extern const unsigned char heapglass_font_bold[], heapglass_font_bold_end[];
}

namespace heapglass {
namespace {

// Both live as long as the program.
cairo_font_face_t* load(const unsigned char* begin, const unsigned char* end) {
  static FT_Library library = nullptr;
  FT_Face face = nullptr;
  if ((!library && FT_Init_FreeType(&library) != 0) ||
      FT_New_Memory_Face(library, begin, static_cast<FT_Long>(end - begin), 0, &face) != 0)
    throw Error(ErrorKind::kFile, "FreeType refuses the font that the program has inside");
  return cairo_ft_font_face_create_for_ft_face(face, 0);
}

}  // namespace

cairo_font_face_t* drawing_font(bool bold) {
  static const std::array<cairo_font_face_t*, 2> faces = {
      load(heapglass_font_regular, heapglass_font_regular_end),
      load(heapglass_font_bold, heapglass_font_bold_end)};
  return faces[bold];
}

}  // namespace heapglass
