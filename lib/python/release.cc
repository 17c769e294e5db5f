#include "lib/python/release.h"

#include <cctype>
#include <cstdio>
#include <span>

#include "lib/python/builtin_layouts.h"
#include "lib/python/python_name.h"

namespace heapglass {
namespace {

// sys.hexversion, by the interpreter's own dict: the word of versions that export no number (to 3.10). 0: not
// found.
std::uint32_t hexversion_in_sys(const MemoryReader& memory, const PyLayout& l, Address runtime) {
  auto word = [&](Address base, std::int32_t offset) {
    return read_as<std::uint64_t>(memory, base + static_cast<std::uint64_t>(offset)).value_or(0);
  };
  const Address interpreter{word(runtime, l.PyRuntimeState.interpreters_main)};
  const Address sysdict{word(interpreter, l.PyInterpreterState.sysdict)};
  const Address keys{word(sysdict, l.PyDictObject.ma_keys)};
  const std::uint64_t slots = word(keys, l.PyDictKeysObject.dk_size);
  const std::uint64_t entries = word(keys, l.PyDictKeysObject.dk_nentries);
  if (slots > 1 << 16 || entries > slots) return 0;
  constexpr std::uint64_t kEntry = 24;  // {hash, key, value}
  const Address first =
      keys + static_cast<std::uint64_t>(l.PyDictKeysObject.dk_indices) + slots * (slots <= 0xff ? 1 : 2);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const Address key{word(first + i * kEntry, 8)};
    if (word(key, l.PyASCIIObject.length) != 10) continue;
    if (read_c_string(memory, key + static_cast<std::uint64_t>(l.PyASCIIObject.size), 11) != "hexversion")
      continue;
    // An int of two digits of 30 bits.
    const Address number{word(first + i * kEntry, 16)};
    const auto low =
        read_as<std::uint32_t>(memory, number + static_cast<std::uint64_t>(l.PyLongObject.ob_digit));
    const auto high =
        read_as<std::uint32_t>(memory, number + static_cast<std::uint64_t>(l.PyLongObject.ob_digit) + 4);
    if (!low || !high || *low >> 30) return 0;
    const bool two = word(number, l.PyVarObject.ob_size) == 2;
    return two ? *high << 30 | *low : *low;
  }
  return 0;
}

}  // namespace

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

std::uint32_t release_by_layouts(const MemoryReader& memory, const PyIdentity& identity, std::uint32_t known,
                                 const std::shared_ptr<const StructSource>& debug_information) {
  for (const Version& version : supported_versions()) {
    const std::uint32_t minor = hexversion_of(version.major, version.minor);
    if (known ? known != minor : version.rules.exports_version) continue;
    LayoutSourceList tries = builtin_layouts_of_minor(minor, identity.py_debug);
    if (debug_information) tries.insert(tries.begin(), debug_information);
    for (const auto& source : tries) {
      PyRuntime python;
      python.runtime = identity.runtime;
      python.sources = {source};
      python.layout = load_layout(LayoutSources(python.sources)).layout;
      if (!python.self_check(memory).empty()) continue;
      const std::uint32_t said = hexversion_in_sys(memory, python.layout, identity.runtime);
      if (said >> 16 == minor >> 16) return said;
    }
  }
  return 0;
}

std::string other_python(const MemoryReader& memory, const Binaries& binaries) {
  const PythonName name = name_python(memory, binaries);
  if (name.implementation != "CPython") return name.implementation;
  return name.version.empty() ? "a CPython older than 3.7" : "CPython " + name.version;
}

}  // namespace heapglass
