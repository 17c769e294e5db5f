// The JSON Schema of what each command prints with --format json: docs/schema/, as texts of the program.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace heapglass {

struct JsonSchema {
  std::string_view command, text;
};
std::span<const JsonSchema> json_schemas();  // in order of the commands' names

// All of them as one document: "$defs" by the commands' names.
std::string all_json_schemas();
// Of one command. Throws Error kUsage where it has none.
std::string_view json_schema_of(std::string_view command);

}  // namespace heapglass
