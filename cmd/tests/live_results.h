// What became of a live test, left where scripts/coverage looks for it.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

#include "cmd/tests/python_program.h"

namespace heapglass {

// A file INTERPRETER--WHAT in the folder of HEAPGLASS_LIVE_RESULTS: failed, until it ended well. What is no
// program of testdata/programs is a build kind or a situation: "kind-venv", "collecting-finalizer".
class LiveResult {
 public:
  LiveResult(const Interpreter& interpreter, const std::string& what) : LiveResult(interpreter.name, what) {}
  LiveResult(const std::string& interpreter, const std::string& what) {
    if (const char* folder = std::getenv("HEAPGLASS_LIVE_RESULTS"))
      path_ = std::string(folder) + "/" + interpreter + "--" + what;
    write("failed\n");
  }
  void ended(bool failed, const std::string& told = "") const {
    if (!failed) write("passed\n" + told);
  }
  void skipped(const std::string& why) const { write("skipped\n" + why + "\n"); }

 private:
  void write(const std::string& text) const {
    if (!path_.empty()) std::ofstream(path_) << text;
  }
  std::string path_;
};

}  // namespace heapglass
