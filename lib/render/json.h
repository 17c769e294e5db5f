// JSON for programs: stable keys, a line a row, valid whatever the target holds.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "lib/render/formats.h"

namespace heapglass {

Warnings render_json(const Document&, const RenderOptions&, std::ostream&);

// With its quotes. Whoever decodes it gets the same text: hidden characters and lone surrogates are escapes,
// as Python's json writes them, and a byte that is no UTF-8 is the surrogate that os.fsdecode() makes of it.
std::string json_string(std::string_view text);
// One value on one line.
std::string json_value(const Cell&);
// [{"kind": "torn", "count": 3, "examples": []}]
std::string json_caveats(const std::vector<Caveat>& caveats);

}  // namespace heapglass
