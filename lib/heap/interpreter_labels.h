// Which interpreter a module is of, where a process has several: "[interpreter 2] app" is not the main one's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/python/frames.h"
#include "lib/python/types.h"

namespace heapglass {

// "[interpreter 2]"; empty for the main one, which is what nobody asks about elsewhere.
std::string interpreter_label(std::int64_t id);

// Tells the table what to put in front of the names of modules. Nothing where there is one interpreter.
void label_modules(TypeTable& types, const std::vector<PyInterpreter>& interpreters);

}  // namespace heapglass
