// The screen of top, from its state alone.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/screen/screen.h"
#include "lib/screen/top_state.h"

namespace heapglass {

// At most size.lines lines, none wider than size.columns. In a screen of less than 20 by 4 there is one that
// says so.
std::vector<ScreenLine> draw_top(const TopState& state, ScreenSize size, ScreenText how);

// Rows of the table, or lines of the text over it, that such a screen has: a page of PgUp and PgDn.
std::size_t page_of(const TopState& state, ScreenSize size, ScreenText how);

}  // namespace heapglass
