// The threads of a process as the threading module knows them, and where each stands.
#pragma once

#include <string>
#include <vector>

#include "lib/heap/object_view.h"
#include "lib/python/frames.h"
#include "lib/target/capture.h"

namespace heapglass {

struct ThreadView {
  const PyThread* python = nullptr;
  const PyInterpreter* interpreter = nullptr;
  const ThreadRegisters* registers = nullptr;  // null: nobody can tell which of the system's it is
  Address object{};                            // its threading.Thread; null: the module does not know it
  std::string name;                            // Thread.name; empty: it has none
};

// A module's attribute as sys.modules has it; null: it is not there.
Address module_attribute(const ObjectView& values, const Objects& objects, const PyInterpreter& interpreter,
                         std::string_view module, std::string_view name);

// In the order of the interpreters, oldest thread first. Borrows what it is given.
std::vector<ThreadView> view_threads(const ObjectView& values, const Objects& objects,
                                     const std::vector<PyInterpreter>& interpreters,
                                     const std::vector<ThreadRegisters>& registers);

}  // namespace heapglass
