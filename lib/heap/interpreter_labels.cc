#include "lib/heap/interpreter_labels.h"

namespace heapglass {

std::string interpreter_label(std::int64_t id) {
  return id == 0 ? std::string() : "[interpreter " + std::to_string(id) + "]";
}

void label_modules(TypeTable& types, const std::vector<PyInterpreter>& interpreters) {
  if (interpreters.size() < 2) return;
  const Objects& o = types.objects();
  for (const PyInterpreter& interpreter : interpreters) {
    const std::string label = interpreter_label(interpreter.id);
    if (label.empty()) continue;
    o.each_item(o.pointer(interpreter.state, o.layout().PyInterpreterState.modules),
                [&](Address, Address module) { types.label_module(module, label + " "); });
  }
}

}  // namespace heapglass
