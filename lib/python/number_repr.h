// Numbers as Python writes them, from their bytes.
#pragma once

#include <optional>
#include <string>

#include "lib/python/objects.h"

namespace heapglass {

// In decimal; empty where there are more digits than int.__repr__ writes, and nothing where one cannot be
// read, as of a snapshot that has no values.
std::optional<std::string> integer_repr(const Objects& objects, Address object);

std::string complex_repr(double real, double imaginary);

}  // namespace heapglass
