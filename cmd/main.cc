// argv -> command -> exit code; the only catch.
#include <unistd.h>

#include <iostream>

#include "cmd/command.h"
#include "cmd/failure.h"
#include "lib/base/error.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"
#include "lib/render/progress_line.h"
#include "lib/render/unfinished.h"
#include "platform/files/file_guard.h"

namespace heapglass {
namespace {

constexpr char kLicences[] =
    "Apache License 2.0. It has parts of LLVM (Apache 2.0 with its exception), SQLite (public domain), "
    "zstd (BSD), zlib (zlib licence), Boost (Boost Software License) and the fonts DejaVu (Bitstream "
    "Vera's); where it is a static file, of ncurses (MIT), Graphviz (EPL 1.0), the GNU C library (LGPL "
    "2.1) and libstdc++ (GPL 3 with its exception); and where that draws, of cairo (LGPL 2.1), "
    "FreeType (FreeType License), libpng, bzip2 (each its own), pixman, fontconfig, expat, brotli and "
    "X11's libraries (MIT).\n";

int dispatch(std::vector<std::string> arguments) {
  if (arguments.empty()) return run_brief();
  std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (name == "--version" || name == "version") {
    std::cout << "heapglass " << version_and_commit() << "\n" << kLicences;
    return kExitDone;
  }
  if (name == "--help" || name == "-h" || name == "help") return run_help(arguments);
  if (name == "--complete") return run_complete(arguments);  // for scripts of shells
  return run_command_line(name, std::move(arguments));
}

}  // namespace
}  // namespace heapglass

int main(int argc, char** argv) {
  using namespace heapglass;
  int code;
  try {
    load_unwinder();
    prepare_output();
    report_crashes();
    set_cleanup_of_shrunk([] { remove_unfinished_files(); });
    code = dispatch(std::vector<std::string>(argv + 1, argv + argc));
    std::cout.flush();
    if (!std::cout) throw Error(ErrorKind::kFile, "cannot write to the standard output");
  } catch (...) {
    code = report_failure(std::current_exception());
  }
  end_progress_line();
  std::cout.flush();
  // The copy of the target's memory goes faster with the process than piece by piece.
  std::cerr.flush();
  if (OutputKeeper* const keeper = OutputKeeper::active()) keeper->end();
  _exit(code);
}
