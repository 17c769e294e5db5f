// argv -> command -> exit code; the only catch.
#include <unistd.h>

#include <iostream>

#include "cmd/command.h"
#include "cmd/failure.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/expression/expression.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"
#include "lib/render/unfinished.h"
#include "lib/report/cron_help.h"
#include "platform/file_guard.h"

namespace heapglass {
namespace {

#ifndef HEAPGLASS_VERSION
#define HEAPGLASS_VERSION "unknown"
#endif

std::string usage() {
  std::string text =
      "heapglass COMMAND TARGET [options]\n\nReads the heap of a running CPython process from outside. "
      "Nothing is installed "
      "there, and by default no code runs in it.\nTARGET is a process id, @NAME for the only process with "
      "NAME in its command, a core file or a snapshot.\n\n";
  for (const Command& c : commands())
    text += "  " + std::string(c.name) + std::string(12 - c.name.size(), ' ') + std::string(c.summary) + "\n";
  text +=
      "\n`heapglass COMMAND --help` lists the options of a command; --version prints the version.\n"
      "`heapglass help expressions` explains --where, --filter and --highlight, `heapglass help thresholds` "
      "--fail-if, `heapglass help cron` regular snapshots.\n";
  return text;
}

int dispatch(std::vector<std::string> arguments) {
  if (arguments.empty()) throw Error(ErrorKind::kUsage, "no command was given", "see heapglass --help");
  std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (name == "--version" || name == "version") {
    std::cout << "heapglass " HEAPGLASS_VERSION "\n";
    return kExitDone;
  }
  if (name == "--help" || name == "-h" || name == "help") {
    if (arguments.empty()) {
      std::cout << usage();
      return kExitDone;
    }
    name = arguments.front();  // help COMMAND
    if (name == "expressions") {
      std::cout << expression_help();
      return kExitDone;
    }
    if (name == "cron") {
      std::cout << cron_help();
      return kExitDone;
    }
    if (name == "thresholds") {
      std::cout << threshold_help();
      return kExitDone;
    }
    arguments = {"--help"};
  }
  for (const Command& c : commands())
    if (c.name == name) return c.run(arguments);
  std::vector<std::string> names;
  for (const Command& c : commands()) names.emplace_back(c.name);
  const std::string meant = did_you_mean(near_names(name, names, 3));
  if (name.starts_with('-'))
    throw Error(ErrorKind::kUsage, "there is no option " + name + " before the command",
                "the command comes first: see heapglass --help");
  throw Error(ErrorKind::kUsage, "there is no command '" + name + "'",
              meant.empty() ? "see heapglass --help" : meant);
}

}  // namespace
}  // namespace heapglass

int main(int argc, char** argv) {
  using namespace heapglass;
  int code;
  try {
    prepare_output();
    report_crashes();
    set_cleanup_of_shrunk([] { remove_unfinished_files(); });
    code = dispatch(std::vector<std::string>(argv + 1, argv + argc));
    std::cout.flush();
    if (!std::cout) throw Error(ErrorKind::kFile, "cannot write to the standard output");
  } catch (...) {
    code = report_failure(std::current_exception());
  }
  std::cout.flush();
  // The copy of the target's memory goes faster with the process than piece by piece.
  std::cerr.flush();
  if (OutputKeeper* const keeper = OutputKeeper::active()) keeper->end();
  _exit(code);
}
