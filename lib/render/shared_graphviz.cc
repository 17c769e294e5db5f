#include <dlfcn.h>
#include <gvc.h>
#include <link.h>

#include <cstdlib>
#include <set>
#include <string>

#include "lib/render/graphviz_context.h"

namespace heapglass {

GVC_t* graphviz_context() { return gvContext(); }

// Asks the fontconfig that pango has loaded; when there is none, pango is not what draws and the question
// does not arise.
bool has_fonts() {
  void* library = dlopen("libfontconfig.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (!library) return true;
  struct FontSet {  // FcFontSet of fontconfig.h
    int nfont, sfont;
    void** fonts;
  };
  const auto create_pattern = reinterpret_cast<void* (*)()>(dlsym(library, "FcPatternCreate"));
  const auto create_objects = reinterpret_cast<void* (*)()>(dlsym(library, "FcObjectSetCreate"));
  const auto list = reinterpret_cast<FontSet* (*)(void*, void*, void*)>(dlsym(library, "FcFontList"));
  if (!create_pattern || !create_objects || !list) return true;
  const FontSet* fonts = list(nullptr, create_pattern(), create_objects());
  return !fonts || fonts->nfont > 0;
}

std::vector<std::string> files_of_graphviz() {
  std::set<std::string> files = {
      "/etc/ld.so.cache",  // where libraries lie that plugins want
      "/etc/fonts",        // fontconfig: its configuration, what that includes, what it knows of the fonts
      "/usr/share/fontconfig",
      "/var/cache/fontconfig",
      "/usr/share/fonts",  // and the fonts
      "/usr/local/share/fonts",
      "/usr/share/X11/fonts",
  };
  // Graphviz looks for its plugins beside its library, and what they want is mostly where ours is.
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        const std::string path = info->dlpi_name ? info->dlpi_name : "";
        if (path.starts_with('/'))
          static_cast<std::set<std::string>*>(to)->insert(path.substr(0, path.rfind('/')));
        return 0;
      },
      &files);
  // The user's own.
  const auto add = [&](const char* variable, const char* below) {
    const char* const value = std::getenv(variable);
    if (value && *value == '/') files.insert(value + std::string(below));
  };
  for (const char* below : {"/.fonts", "/.fonts.conf", "/.fonts.conf.d", "/.local/share/fonts",
                            "/.config/fontconfig", "/.cache/fontconfig", "/.fontconfig"})
    add("HOME", below);
  add("XDG_DATA_HOME", "/fonts");
  add("XDG_CONFIG_HOME", "/fontconfig");
  add("XDG_CACHE_HOME", "/fontconfig");
  for (const char* variable : {"FONTCONFIG_PATH", "FONTCONFIG_FILE", "GVBINDIR"}) add(variable, "");
  return {files.begin(), files.end()};
}

}  // namespace heapglass
