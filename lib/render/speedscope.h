// Speedscope's file format (https://www.speedscope.app/file-format-schema.json), for flame graphs in a
// browser.
#pragma once

#include <iosfwd>

#include "lib/render/formats.h"

namespace heapglass {

Warnings render_speedscope(const Document& document, const RenderOptions& options, std::ostream& out);

}  // namespace heapglass
