// What a shell offers where a command line is not yet complete. The scripts for the shells ask the program,
// so that they need no change when a command or an option is added.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/report/command_description.h"

namespace heapglass {

struct Candidate {
  std::string word, description;  // the second may be empty
};

struct Completion {
  std::vector<Candidate> candidates;
  bool files = false;  // and names of files, which the shell knows
};

struct CompletionTables {
  std::vector<Candidate> commands, topics;
  std::function<CommandDescription(const std::string& command)> describe;  // of a name in `commands`
  std::function<std::vector<Candidate>()> processes;                       // by id
};

// `words` are those behind the program's name, the last one as far as it is typed. bash splits --option=value
// into three words, which is seen through.
Completion complete(const std::vector<std::string>& words, const CompletionTables& tables);

// One candidate per line, its description behind a tab; ":files" where names of files are welcome. Commands
// of other processes are in there: hidden characters are spelled out, so that a line is always one candidate.
std::string completion_lines(const Completion& completion);

// The script for bash, zsh or fish. Throws Error kUsage for another name.
std::string_view completion_script(std::string_view shell);
std::string completion_help();

}  // namespace heapglass
