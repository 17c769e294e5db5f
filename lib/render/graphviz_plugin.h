// What Graphviz's own cairo plugin is to pango, without pango: measures text with drawing_font and draws PNG
// and PDF with cairo. The static build has it in place of Graphviz's plugins that are shared libraries; a
// test holds it to them.
#pragma once

#include <gvc.h>

namespace heapglass {

// A library for gvAddLibrary or for the builtins of gvContextPlugins: text layout "textlayout", renderer
// "cairo", devices "png:cairo" and "pdf:cairo", all of a quality above Graphviz's.
extern "C" gvplugin_library_t heapglass_graphviz_plugin;

}  // namespace heapglass
