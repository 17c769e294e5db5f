# The files of a folder as a table of the program: -D FOLDER=docs/schema -D OUTPUT=json_schema_texts.cc
file(GLOB files "${FOLDER}/*.json")
list(SORT files)
set(text "// Made from docs/schema/ by CMake.
#include \"lib/report/json_schemas.h\"

namespace heapglass {

std::span<const JsonSchema> json_schemas() {
  static constexpr JsonSchema kSchemas[] = {\n")
foreach(path IN LISTS files)
  get_filename_component(name "${path}" NAME_WE)
  file(READ "${path}" schema)
  string(APPEND text "      {\"${name}\", R\"heapglass_schema(${schema})heapglass_schema\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}  };\n  return kSchemas;\n}\n\n}  // namespace heapglass\n")
