// Graphviz as this build has it: its shared libraries, which look for their plugins themselves
// (shared_graphviz.cc), or all of it inside the program (static_graphviz.cc).
#pragma once

#include <string>
#include <vector>

using GVC_t = struct GVC_s;

namespace heapglass {

// One that lays out with "dot" and writes svg, png and pdf. It lives until the process ends.
GVC_t* graphviz_context();

// Whether text in png and pdf is drawn with a font. Graphviz draws empty boxes without one, and calls it
// success. To be asked after a picture was drawn.
bool has_fonts();

// Folders and files that drawing svg, png or pdf may open, apart from /dev/null. Which of them is told only
// by the picture's text.
std::vector<std::string> files_of_graphviz();

}  // namespace heapglass
