# A page as a constant of the program: -D PAGE=page.html -D OUTPUT=page.cc
file(READ "${PAGE}" page)
set(text "// Made from ${PAGE} by CMake.
#include <string_view>

namespace heapglass {

extern const std::string_view kReportPage;
const std::string_view kReportPage = R\"heapglass_page(")
string(APPEND text "${page}" ")heapglass_page\";\n\n}  // namespace heapglass\n")
file(WRITE "${OUTPUT}" "${text}")
