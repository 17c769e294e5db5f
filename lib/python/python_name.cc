#include "lib/python/python_name.h"

#include <optional>
#include <string>

#include "lib/python/debug_offsets.h"
#include "lib/python/release.h"
#include "lib/python/versions.h"

namespace heapglass {
namespace {

std::string file_name(const Binary& binary) { return binary.path().substr(binary.path().rfind('/') + 1); }

bool has_symbol(const Binary& binary, const char* name) {
  return binary.symbols().find_exported(name).has_value();
}

// Of other implementations, by what only they have.
std::string other_implementation(const Binary& binary) {
  const std::string file = file_name(binary);
  if (has_symbol(binary, "rpython_startup_code") || file.starts_with("libpypy") || file.starts_with("pypy"))
    return "PyPy";
  if (file.starts_with("libpythonvm") || file.starts_with("graalpy")) return "GraalPy";
  return "";
}

}  // namespace

bool may_be_python(const Binary& binary) {
  return has_symbol(binary, "_PyRuntime") || binary.section(".PyRuntime") ||
         has_symbol(binary, "Py_GetVersion") || !other_implementation(binary).empty();
}

PythonName name_python(const MemoryReader& memory, const Binaries& binaries) {
  PythonName name;
  for (const auto& binary : binaries) {
    if (const std::string other = other_implementation(*binary); !other.empty()) {
      name.implementation = other;
      name.binary = binary.get();
      return name;
    }
  }
  for (const auto& binary : binaries) {
    if (!may_be_python(*binary)) continue;
    name.implementation = "CPython";
    name.binary = binary.get();
    std::uint32_t hexversion = 0;
    const auto runtime = binary->symbols().find_exported("_PyRuntime");
    if (const auto offsets = runtime ? read_debug_offsets(memory, runtime->address) : std::nullopt) {
      hexversion = offsets->hexversion;
      name.free_threaded = offsets->free_threaded;
    } else if (const auto exported = exported_version(memory, *binary)) {
      hexversion = *exported;
    } else {
      const std::uint32_t named = version_in_name(binary->path()).value_or(0);
      hexversion = version_in_text(memory, *binary, named).value_or(named);
    }
    if (hexversion) name.version = version_text(hexversion);
    name.py_debug = has_symbol(*binary, "_Py_RefTotal") || has_symbol(*binary, "_Py_NegativeRefcount");
    VersionTraits traits;
    const bool has_runtime = runtime || binary->section(".PyRuntime");
    name.is_read = has_runtime && !name.free_threaded && (hexversion == 0 || rules_for(hexversion, traits));
    return name;
  }
  return name;
}

}  // namespace heapglass
