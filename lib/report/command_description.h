// What a command takes, as data: for completions and man pages, made from the table that --help prints.
#pragma once

#include <string>
#include <vector>

namespace heapglass {

struct OptionDescription {
  std::string name;    // without dashes: "limit"
  std::string letter;  // "n"; empty: it has no short form
  std::string takes;   // "N", "FILE"; empty: a flag
  std::string help;
  std::vector<std::string> choices;  // the words that it takes, where they are few
  bool repeated = false;
  bool common = false;  // most commands have it
};

struct CommandDescription {
  std::string name, summary;
  std::vector<std::string> operands;  // "TARGET" and what comes behind it
  bool more_targets = false;          // further ones may follow
  std::vector<OptionDescription> options;
};

}  // namespace heapglass
