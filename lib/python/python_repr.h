// repr() as the interpreter would write it, from the bytes of builtin objects. No code of the target runs.
#pragma once

#include <string>

#include "lib/python/text_repr.h"
#include "lib/python/types.h"

namespace heapglass {

struct PythonRepr {
  std::string text;  // UTF-8, lone surrogates escaped as repr() does
  // False where only code of the target could tell: a __repr__ written in Python, a C type that is not known
  // here. Then the text is what object.__repr__ would write.
  bool sure = true;
};

// repr(object)[:limit], in code points.
PythonRepr python_repr(TypeTable& types, Address object, std::size_t limit);

// type.__name__ and type.__module__: "Inner" of module.Outer.Inner; the module is empty where there is none.
std::string type_short_name(TypeTable& types, Address type);
std::string type_module(TypeTable& types, Address type);

// A reference that a C struct holds under a name of c_types.cc; null: there is none.
Address named_field(const Objects& objects, Address object, const TypeInfo& type, std::string_view name);

}  // namespace heapglass
