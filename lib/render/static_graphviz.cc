#include <gvc.h>

#include "lib/render/graphviz_context.h"
#include "lib/render/graphviz_plugin.h"

// In the libraries that scripts/build-graphviz makes one.
extern "C" gvplugin_library_t gvplugin_core_LTX_library, gvplugin_dot_layout_LTX_library;

namespace heapglass {

GVC_t* graphviz_context() {
  static const lt_symlist_t plugins[] = {
      {"gvplugin_core_LTX_library", &gvplugin_core_LTX_library},
      {"gvplugin_dot_layout_LTX_library", &gvplugin_dot_layout_LTX_library},
      {"gvplugin_heapglass_LTX_library", &heapglass_graphviz_plugin},
      {nullptr, nullptr},
  };
  return gvContextPlugins(plugins, 0);
}

// drawing_font is in the program, and nothing else is read.
bool has_fonts() { return true; }
std::vector<std::string> files_of_graphviz() { return {}; }

}  // namespace heapglass
