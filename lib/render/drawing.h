// Whether this build draws: svg, png and pdf take Graphviz's layout, cairo and fonts, which the static build
// leaves out.
#pragma once

namespace heapglass {

// picture_file.cc and plot.cc say yes; without_drawing.cc, which stands for both in the static build, says
// no.
bool can_draw();

}  // namespace heapglass
