// The line on the terminal that says what a command is at and how long the rest may take, from a second after
// its beginning on. It goes before anything else is printed there.
#pragma once

#include <cstddef>
#include <string>

#include "lib/base/progress.h"

namespace heapglass {

// Nothing where the standard error is no terminal. A thread writes the line: none may be there while the
// rights of this process are given up.
void start_progress_line();
// Ends that thread and takes the line away. Again and again, from where there is none too.
void end_progress_line();

// "heapglass: finding dominators, about 3 s left"; `columns` at most.
std::string progress_text(const Progress& progress, std::size_t columns);

}  // namespace heapglass
