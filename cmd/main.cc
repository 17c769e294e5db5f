// argv -> command -> exit code; the only catch.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <new>
#include <system_error>

#include "cmd/command.h"
#include "cmd/cron_help.h"
#include "lib/analysis/expression.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/render/output.h"
#include "lib/render/utf8.h"
#include "platform/file_guard.h"

namespace heapglass {
namespace {

#ifndef HEAPGLASS_VERSION
#define HEAPGLASS_VERSION "unknown"
#endif

constexpr int kInterrupted = 130;

void on_interrupt(int) {
  remove_unfinished_files();
  _exit(kInterrupted);
}

std::string usage() {
  std::string text =
      "heapglass COMMAND TARGET [options]\n\nLooks into the heap of a running CPython process from outside: "
      "no "
      "code runs in it, nothing is installed there.\nTARGET is a process id, a core file or a snapshot.\n\n";
  for (const Command& c : commands())
    text += "  " + std::string(c.name) + std::string(12 - c.name.size(), ' ') + std::string(c.summary) + "\n";
  text +=
      "\n`heapglass COMMAND --help` tells a command's options; --version the version.\n"
      "`heapglass help expressions` tells how --where, --filter and --highlight are written, `heapglass help "
      "thresholds` how --fail-if is.\n";
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

int fail(int code, const std::string& what, const std::string& hint, std::string_view detail = {}) {
  // One line, whatever the target or the command line put into it.
  std::cerr << "heapglass: " << printable(what) << (hint.empty() ? "" : " (" + printable(hint) + ")")
            << std::endl;
  while (!detail.empty()) {
    const std::size_t end = std::min(detail.find('\n'), detail.size());
    std::cerr << "  " << printable(detail.substr(0, end)) << std::endl;
    detail.remove_prefix(std::min(end + 1, detail.size()));
  }
  return code;
}

}  // namespace
}  // namespace heapglass

int main(int argc, char** argv) {
  using namespace heapglass;
  int code;
  try {
    prepare_output();
    signal(SIGINT, on_interrupt);
    set_cleanup_of_shrunk([] { remove_unfinished_files(); });
    code = dispatch(std::vector<std::string>(argv + 1, argv + argc));
    std::cout.flush();
    if (!std::cout) throw Error(ErrorKind::kFile, "cannot write to the standard output");
  } catch (const Error& error) {
    code = fail(static_cast<int>(error.kind()), error.what(), error.hint(), error.detail());
  } catch (const std::bad_alloc&) {
    code = fail(static_cast<int>(ErrorKind::kUnreachable),
                "not enough memory for a copy of the target and its graph",
                "it takes about 1.3 times what the target has resident");
  } catch (const std::system_error& error) {
    // What the library says of a thread that could not be started is the error's name alone.
    const bool no_thread = error.code() == std::errc::resource_unavailable_try_again;
    code = fail(
        static_cast<int>(ErrorKind::kUnreachable),
        (no_thread ? "cannot start a thread: " : "") + std::string(error.what()),
        no_thread ? "heapglass itself may have too little memory or too few processes: see ulimit -v and -u, "
                    "and the control group's pids.max"
                  : "");
  } catch (const std::exception& error) {
    code = fail(static_cast<int>(ErrorKind::kUnreachable), error.what(), "");
  }
  std::cout.flush();
  // The copy of the target's memory goes faster with the process than piece by piece.
  std::cerr.flush();
  _exit(code);
}
