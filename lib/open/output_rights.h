// The right to write what the options name, kept by a process of its own when this one gives it up.
#pragma once

#include "lib/render/output_options.h"

namespace heapglass {

// Starts the OutputKeeper where the options name a file. Before an Output is made that is committed after
// the last look, and before that look at the latest; once, later calls do nothing.
void keep_right_to_write(const OutputOptions& common);

// Whether the answer is drawn, by Graphviz.
bool wants_drawing(const OutputOptions& common);

}  // namespace heapglass
