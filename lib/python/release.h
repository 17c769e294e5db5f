// Which release of CPython a process runs, by the signs that the versions have of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/python/runtime.h"

namespace heapglass {

// 3.11 and later export the version as a number.
std::optional<std::uint32_t> exported_version(const MemoryReader& memory, const Binary& binary);

// "libpython3.8.so.1.0", "python3.8" -> 3.8, for versions that do not export it.
std::optional<std::uint32_t> version_in_name(const std::string& path);

// The release that a text of the file's constants ends with: PY_VERSION, whose text the linker may have made
// the end of another that ends alike. `known` is major and minor, or 0.
std::optional<std::uint32_t> version_in_text(const MemoryReader& memory, const Binary& binary,
                                             std::uint32_t known);

// The release of versions that export no number (to 3.10), by sys.hexversion: the first layout with which the
// process gives a release that the layout is for. `known` is major and minor, or 0; `debug_information` may
// be null. 0: not found.
std::uint32_t release_by_layouts(const MemoryReader& memory, const PyIdentity& identity, std::uint32_t known,
                                 const std::shared_ptr<const StructSource>& debug_information);

// A Python that has no _PyRuntime, by what its files export: its name, or nothing.
std::string other_python(const MemoryReader& memory, const Binaries& binaries);

}  // namespace heapglass
