// Who else refers to what a suspect keeps: it is freed only when all have dropped it.
#pragma once

#include <vector>

#include "lib/leaks/detectors.h"

namespace heapglass {

// Of suspects that keep the same objects the first stays and names the others; of all, who else has their
// objects is told.
void join_those_of_same_objects(const LeakSearch& search, Suspects& found);

}  // namespace heapglass
