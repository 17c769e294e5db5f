#include "lib/report/json_schemas.h"

#include "lib/base/error.h"

namespace heapglass {

std::string all_json_schemas() {
  std::string text =
      "{\n\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
      "\"title\": \"what the commands of heapglass print with --format json\",\n\"$defs\": {\n";
  for (const JsonSchema& each : json_schemas()) {
    if (&each != json_schemas().data()) text += ",\n";
    text += "\"" + std::string(each.command) +
            "\": " + std::string(each.text.substr(0, each.text.rfind('}') + 1));
  }
  return text + "\n}\n}\n";
}

std::string_view json_schema_of(std::string_view command) {
  for (const JsonSchema& each : json_schemas())
    if (each.command == command) return each.text;
  std::string names;
  for (const JsonSchema& each : json_schemas())
    names += (names.empty() ? "" : ", ") + std::string(each.command);
  throw Error(ErrorKind::kUsage, "there is no JSON Schema of '" + std::string(command) + "'",
              "there is one of " + names);
}

}  // namespace heapglass
