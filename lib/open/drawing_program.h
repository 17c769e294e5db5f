// The second program of a package: heapglass as a whole, linked with what draws and with Apache Arrow's
// module, where the first is one static file without them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heapglass {

inline constexpr char kDrawingProgram[] = "heapglass-draw";

// Does not return where `heapglass-draw` is beside this program, in ../lib/heapglass of it, or on PATH: it
// takes over with the same arguments. Otherwise throws Error kUsage that says what needs it (`what`: "a png")
// and what can be had without
// (`instead`).
void run_drawing_program(const std::vector<std::string>& arguments, std::string_view what,
                         std::string_view instead);

}  // namespace heapglass
