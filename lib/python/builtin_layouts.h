// Layouts of CPython's structs that are part of the program: for interpreters that come without debug
// information. 64-bit Linux, release builds with a GIL. To add a micro release: scripts/make-layout
// writes it into layouts/table.def, and nothing else changes. To add a minor version: versions.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "lib/python/layout.h"

namespace heapglass {

// nullptr: there is none for exactly this release. Micro releases do change structs, so a neighbour's table
// is no substitute by itself: whoever takes one has to check what it says against the process.
std::shared_ptr<const StructSource> builtin_layout(std::uint32_t hexversion, bool py_debug);

// The tables of the same minor version, nearest micro release first: candidates for a release that has none,
// each to be checked against the process.
LayoutSourceList builtin_layouts_of_minor(std::uint32_t hexversion, bool py_debug);

// Ascending, with the lowest byte 0: 0x030b0700 is 3.11.7.
std::span<const std::uint32_t> builtin_layout_versions();

}  // namespace heapglass
