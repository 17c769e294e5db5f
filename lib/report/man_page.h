// Manual pages for man(1), made from the option tables.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/report/command_description.h"

namespace heapglass {

struct MainPage {
  std::string introduction;                                   // a paragraph
  std::vector<std::pair<std::string, std::string>> commands;  // name, summary
  std::vector<std::pair<std::string, std::string>> subjects;  // heading, text that keeps its lines
};

// heapglass-COMMAND(1) and heapglass(1), in the macros of man(7).
std::string man_page(const CommandDescription& command, std::string_view version);
std::string man_page(const MainPage& page, std::string_view version);

// The exit codes, one a line.
std::string exit_code_help();

}  // namespace heapglass
