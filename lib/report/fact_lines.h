// Figures with names, from one process of ours to another that trusts it with nothing: a line each, of a
// letter, a number and a name.
#pragma once

#include <charconv>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

#include "lib/render/utf8.h"

namespace heapglass {

inline void add_fact(std::string& text, char kind, std::uint64_t number, std::string_view name = {}) {
  text += kind + std::to_string(number) + ' ' + printable(name) + '\n';
}

// Calls visit(kind, number, name) for every line that is one.
template <class Visit>
void each_fact(const std::string& text, Visit visit) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 3) continue;
    std::uint64_t number = 0;
    const char* const end = line.data() + line.size();
    const auto [at, error] = std::from_chars(line.data() + 1, end, number);
    if (error == std::errc() && at != end && *at == ' ') visit(line[0], number, std::string(at + 1, end));
  }
}

}  // namespace heapglass
