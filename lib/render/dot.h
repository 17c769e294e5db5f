// A Picture in Graphviz's language. The same bytes for the same Picture.
#pragma once

#include <iosfwd>
#include <string>

#include "lib/render/formats.h"

namespace heapglass {

Warnings render_dot(const Document&, const RenderOptions&, std::ostream&);

std::string to_dot(const Picture&, PictureStyle);

// The picture of a document; throws Error when it has none.
const Picture& picture_of(const Document&, std::string_view format);

}  // namespace heapglass
