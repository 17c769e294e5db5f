// CSV after RFC 4180, for the document's first table: a header of keys, lines end in CR LF. Cells are exact:
// bytes of the target's text unchanged, nothing prefixed against spreadsheets, a list or table in a cell as
// JSON.
#pragma once

#include <iosfwd>
#include <string>

#include "lib/render/formats.h"

namespace heapglass {

// A text as a field, in quotes where it needs them.
std::string csv_field(const std::string& text);

// A picture gives its edges, a document without a section its fields as one row.
Warnings render_csv(const Document&, const RenderOptions&, std::ostream&);

}  // namespace heapglass
