// CSV after RFC 4180, for the document's first table: a header of keys, lines end in CR LF. A list or table
// in a cell is JSON. Text is for people and their spreadsheets: hidden characters are spelled out, and what a
// spreadsheet would compute has an apostrophe before it. Raw (--csv-raw), it is as the target has it.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "lib/render/formats.h"

namespace heapglass {

enum class CsvText { kSafe, kRaw };

// A text as a field, in quotes where it needs them.
std::string csv_field(std::string_view text, CsvText how);

// A picture gives its edges, a document without a section its fields as one row.
Warnings render_csv(const Document&, const RenderOptions&, std::ostream&);

}  // namespace heapglass
