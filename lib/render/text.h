// Tables for people.
#pragma once

#include <iosfwd>
#include <string>

#include "lib/render/formats.h"

namespace heapglass {

Warnings render_text(const Document&, const RenderOptions&, std::ostream&);

// One value as people see it, on one line and harmless to a terminal.
std::string text_value(const Cell&, Kind, const RenderOptions&);

}  // namespace heapglass
