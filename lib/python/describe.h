// Objects and references in words, from their bytes: no code of the target runs.
#pragma once

#include <string>

#include "lib/python/edges.h"
#include "lib/python/types.h"

namespace heapglass {

// One line: the text of a str, the number of an int, "3 items" of a container, the name of a class, function
// or module, file and line of a frame; empty where there is nothing short to say. At most about `limit`
// characters.
std::string short_repr(TypeTable& types, Address object, const TypeInfo& type, std::size_t limit = 60);

// What a reference is called: "cache", "['user:17']", "[3]", "__closure__". `in_namespace`: the holder is the
// dict of a module, class or instance, whose identifier keys stand bare.
std::string edge_label(TypeTable& types, const Edge& edge, bool in_namespace);

// A str as Python would write it, cut to `limit` code points.
std::string quoted(const std::string& text, std::size_t limit);

// Is it the interpreter's dict of interned strings: {s: s, ...}, with many? To 3.11 only a static variable
// without a symbol leads there.
bool is_interned_table(const Objects& objects, Address dict);

}  // namespace heapglass
