#include "lib/python/python_name.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <optional>
#include <span>
#include <string>

#include "lib/python/debug_offsets.h"
#include "lib/python/versions.h"

namespace heapglass {

std::optional<std::uint32_t> exported_version(const MemoryReader& memory, const Binary& binary) {
  const auto symbol = binary.symbols().find_exported("Py_Version");
  if (!symbol) return std::nullopt;
  const auto version = read_as<std::uint64_t>(memory, symbol->address);  // unsigned long
  if (!version || *version >> 24 != 3) return std::nullopt;
  return static_cast<std::uint32_t>(*version);
}

std::optional<std::uint32_t> version_in_name(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  const std::size_t at = file.find("python");
  unsigned major = 0, minor = 0;
  if (at == std::string::npos || std::sscanf(file.c_str() + at, "python%u.%u", &major, &minor) != 2)
    return std::nullopt;
  return hexversion_of(major, minor);
}

std::optional<std::uint32_t> version_in_text(const MemoryReader& memory, const Binary& binary,
                                             std::uint32_t known) {
  constexpr std::uint64_t kMost = 64 << 20;
  const auto constants = binary.section(".rodata");
  if (!constants || constants->size > kMost) return std::nullopt;
  std::string text(constants->size, '\0');
  if (!memory.read(constants->address, std::as_writable_bytes(std::span(text)))) return std::nullopt;
  const auto part_of_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '.'; };
  for (std::size_t end = 0; (end = text.find('\0', end + 1)) != std::string::npos;) {
    std::size_t start = end;
    while (start > 0 && end - start < 10 && part_of_word(text[start - 1])) --start;
    unsigned major = 0, minor = 0, micro = 0;
    int read = 0;
    const std::string word = text.substr(start, end - start);
    if (std::sscanf(word.c_str(), "%1u.%2u.%2u%n", &major, &minor, &micro, &read) != 3 ||
        static_cast<std::size_t>(read) != word.size() || (major != 2 && major != 3))
      continue;
    const std::uint32_t version = hexversion_of(major, minor, micro);
    // Two is the major version of much else, expat's for one.
    if (known ? version >> 16 == known >> 16 : major == 3 || minor >= 6) return version;
  }
  return std::nullopt;
}

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

PythonName name_python(const MemoryReader& memory, const std::vector<const Binary*>& binaries) {
  PythonName name;
  for (const Binary* binary : binaries) {
    if (const std::string other = other_implementation(*binary); !other.empty()) {
      name.implementation = other;
      name.binary = binary;
      return name;
    }
  }
  for (const Binary* binary : binaries) {
    if (!may_be_python(*binary)) continue;
    name.implementation = "CPython";
    name.binary = binary;
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
