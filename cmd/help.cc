// heapglass help: the commands, the options of one, the subjects that several share, manual pages and
// completions; and what the scripts for completion ask.
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/expression/expression.h"
#include "lib/open/python_processes.h"
#include "lib/report/completion.h"
#include "lib/report/cron_help.h"
#include "lib/report/json_schemas.h"
#include "lib/report/man_page.h"
#include "lib/report/thresholds.h"

namespace heapglass {
namespace {

constexpr char kIntroduction[] =
    "Reads the heap of a running CPython process from outside. Nothing is installed there, and by default no "
    "code "
    "runs in it.\nTARGET is a process id, @NAME for the only process with NAME in its command, a core file "
    "or a "
    "snapshot.";

struct Topic {
  std::string_view name, heading, summary;
  std::string (*text)();
  bool in_manual_page = true;  // else it stands there already, or is for programs
};
constexpr Topic kTopics[] = {
    {"expressions", "EXPRESSIONS", "--where, --filter and --highlight", expression_help},
    {"thresholds", "THRESHOLDS", "--fail-if", threshold_help},
    {"cron", "REGULAR SNAPSHOTS", "regular snapshots", cron_help},
    {"exit-codes", "EXIT STATUS", "the exit codes", exit_code_help, false},
    {"json-schema", "JSON SCHEMA", "the JSON Schema of --format json, of one command with its name",
     all_json_schemas, false},
    {"completion", "COMPLETION", "completion in bash, zsh and fish", completion_help},
};

std::string usage() {
  std::string text = std::string("heapglass COMMAND TARGET [options]\n\n") + kIntroduction + "\n\n";
  for (const Command& c : commands())
    text += "  " + std::string(c.name) + std::string(12 - c.name.size(), ' ') + std::string(c.summary) + "\n";
  text += "\n`heapglass COMMAND --help` lists the options of a command; --version prints the version.\n";
  for (const Topic& topic : kTopics)
    text += "heapglass help " + std::string(topic.name) + std::string(13 - topic.name.size(), ' ') +
            std::string(topic.summary) + "\n";
  return text +
         "heapglass help man          the manual page, `heapglass help man COMMAND` that of one command\n";
}

// What most people want first.
constexpr char kBrief[] =
    "heapglass TARGET         who a process is, where its memory is, what may leak\n"
    "heapglass ps             the Python processes that can be read\n"
    "heapglass leaks TARGET   what leaks and who holds it; with --every 10s what grows\n"
    "heapglass stacks TARGET  what its threads and tasks do, and what they wait for\n"
    "heapglass memory TARGET  what the memory is, in rows that add up to the RSS\n"
    "heapglass ui TARGET      the whole heap in a browser\n\n"
    "TARGET is a process id, @NAME, a core file or a snapshot; heapglass --help lists all commands.\n";

// A word that names a target and no command: a process id, @NAME, or a file that is there.
bool is_target(const std::string& word) {
  const bool is_number = !word.empty() && std::all_of(word.begin(), word.end(),
                                                      [](unsigned char c) { return std::isdigit(c) != 0; });
  return is_number || word.starts_with('@') ||
         (word.find_first_of("./") != word.npos && access(word.c_str(), F_OK) == 0);
}

std::string main_page() {
  MainPage page{.introduction = kIntroduction};
  for (const Command& c : commands()) page.commands.emplace_back(c.name, c.summary);
  for (const Topic& topic : kTopics)
    if (topic.in_manual_page) page.subjects.emplace_back(topic.heading, topic.text());
  return man_page(page, HEAPGLASS_VERSION);
}

CompletionTables completion_tables() {
  CompletionTables tables;
  for (const Command& c : commands())
    tables.commands.push_back({std::string(c.name), std::string(c.summary)});
  for (const Topic& topic : kTopics)
    tables.topics.push_back({std::string(topic.name), std::string(topic.summary)});
  tables.topics.push_back({"man", "the manual page"});
  tables.describe = [](const std::string& name) { return describe(find_command(name)); };
  tables.processes = [] {
    std::vector<Candidate> processes;
    for (const PythonProcess& p : python_processes().found)
      if (p.cannot.empty()) processes.push_back({std::to_string(p.pid), p.command});
    return processes;
  };
  return tables;
}

}  // namespace

const Command& find_command(const std::string& name) {
  for (const Command& c : commands())
    if (c.name == name) return c;
  std::vector<std::string> names;
  for (const Command& c : commands()) names.emplace_back(c.name);
  const std::string meant = did_you_mean(near_names(name, names, 3));
  if (name.starts_with('-'))
    throw Error(ErrorKind::kUsage, "there is no option " + name + " before the command",
                "the command comes first: see heapglass --help");
  for (const char* const of_package : {"fleet", "mcp"})
    if (name == of_package)
      throw Error(ErrorKind::kUsage, "'" + name + "' is a command of the Python package, not of this program",
                  "pip install 'heapglass[" + name + "]', then python3 -m heapglass " + name);
  throw Error(ErrorKind::kUsage, "there is no command '" + name + "'",
              meant.empty() ? "see heapglass --help" : meant);
}

int run_brief() {
  std::cout << kBrief;
  return kExitDone;
}

int run_command_line(const std::string& name, std::vector<std::string> arguments) {
  if (!is_target(name)) {
    const Command& command = find_command(name);
    begin_progress(command.stages);
    if (const auto code = run_for_processes(command, arguments)) return *code;
    return command.run(arguments);
  }
  arguments.insert(arguments.begin(), name);
  begin_progress(find_command("overview").stages);
  return run_overview(arguments);
}

int run_help(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    std::cout << usage();
    return kExitDone;
  }
  const std::string& name = arguments.front();
  if (name == "man") {
    std::cout << (arguments.size() > 1 ? man_page(describe(find_command(arguments[1])), HEAPGLASS_VERSION)
                                       : main_page());
    return kExitDone;
  }
  if (name == "completion" && arguments.size() > 1) {
    std::cout << completion_script(arguments[1]);
    return kExitDone;
  }
  if (name == "json-schema" && arguments.size() > 1) {
    std::cout << json_schema_of(arguments[1]);
    return kExitDone;
  }
  for (const Topic& topic : kTopics)
    if (topic.name == name) {
      std::cout << topic.text();
      return kExitDone;
    }
  const int code = find_command(name).run({"--help"});
  std::cout << "\nExamples:\n" << examples_of(name);
  return code;
}

int run_complete(const std::vector<std::string>& words) {
  std::cout << completion_lines(complete(words, completion_tables()));
  return kExitDone;
}

}  // namespace heapglass
