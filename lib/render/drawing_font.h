// The font of plots and of what graphviz_plugin.h draws: DejaVu Sans, whose files the program has inside, so
// that no host lacks it and a picture is the same everywhere.
#pragma once

using cairo_font_face_t = struct _cairo_font_face;

namespace heapglass {

// The program's own: the caller does not destroy it. Characters that DejaVu Sans lacks are drawn as its empty
// box. Throws Error kFile where FreeType refuses the file.
cairo_font_face_t* drawing_font(bool bold);

}  // namespace heapglass
