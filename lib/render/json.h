// JSON for programs: stable keys, a line a row, valid whatever the target holds.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "lib/render/formats.h"

namespace heapglass {

Warnings render_json(const Document&, const RenderOptions&, std::ostream&);

// With its quotes. Invalid UTF-8 becomes U+FFFD; a lone surrogate its escape, as Python's json writes it.
std::string json_string(std::string_view text);
// One value on one line.
std::string json_value(const Cell&);

}  // namespace heapglass
