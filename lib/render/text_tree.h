// A Picture as an indented tree, for a terminal.
#pragma once

#include <iosfwd>

#include "lib/render/formats.h"

namespace heapglass {

void write_tree(const Picture&, const RenderOptions&, std::ostream&);

}  // namespace heapglass
