#pragma once

#include <poll.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>

#include "cmd/tests/child_process.h"

namespace heapglass {

inline const std::string kScripts = HEAPGLASS_SOURCE_DIR "/scripts/";
inline const std::string kPrograms = HEAPGLASS_SOURCE_DIR "/testdata/programs/";

// One line of scripts/pythons.
struct Interpreter {
  std::string version, build, path, linkage, symbols;
  bool read = false;  // whether heapglass reads it: a row of scripts/supported-pythons has it
  std::string name;   // of version, build, linkage and symbols; scripts/coverage makes the same
};

inline std::string as_identifier(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

// What a test of an interpreter is called, the last argument of INSTANTIATE_TEST_SUITE_P.
struct InterpreterName {
  template <class Each>
  std::string operator()(const Each& each) const {
    return as_identifier(each.param.name);
  }
};

// How GoogleTest shows one; without this, its bytes.
inline void PrintTo(const Interpreter& interpreter, std::ostream* out) { *out << interpreter.path; }

inline std::vector<Interpreter> parse_interpreters(std::istream& lines) {
  std::vector<Interpreter> found;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Interpreter each;
    for (std::string* word : {&each.version, &each.build, &each.path, &each.linkage, &each.symbols}) {
      std::getline(words, *word, '\t');
    }
    std::string read;
    if (!std::getline(words, read)) {
      continue;
    }
    each.read = read == "yes";
    each.name = each.version + "-" + each.build + "-" + each.linkage + "-" + each.symbols;
    const auto alike = std::count_if(found.begin(), found.end(), [&](const Interpreter& other) {
      return other.name.rfind(each.name, 0) == 0;
    });
    each.name += alike > 0 ? "-" + std::to_string(alike + 1) : "";
    found.push_back(each);
  }
  return found;
}

// All interpreters of this machine. Asking each takes a second, so scripts/test asks once, for all test
// programs.
inline const std::vector<Interpreter>& all_interpreters() {
  static const std::vector<Interpreter> all = [] {
    if (const char* list = std::getenv("HEAPGLASS_PYTHONS")) {
      std::ifstream lines(list);
      return parse_interpreters(lines);
    }
    std::istringstream lines(run_command({kScripts + "pythons"}).out);
    return parse_interpreters(lines);
  }();
  return all;
}

inline std::vector<Interpreter> supported_interpreters() {
  std::vector<Interpreter> supported;
  std::copy_if(all_interpreters().begin(), all_interpreters().end(), std::back_inserter(supported),
               [](const Interpreter& each) { return each.read; });
  return supported;
}

// For what hardly depends on the version: the oldest, one of 3.11, and the newest.
inline std::vector<Interpreter> few_interpreters() {
  const std::vector<Interpreter> all = supported_interpreters();
  if (all.size() < 3) return all;
  std::vector<Interpreter> few{all.front()};
  const auto middle = std::find_if(all.begin() + 1, all.end() - 1, [](const Interpreter& each) {
    return each.version.starts_with("3.11.") && each.build == "release";
  });
  if (middle != all.end() - 1) few.push_back(*middle);
  few.push_back(all.back());
  return few;
}

// For a suite whose tests cost more than all interpreters of each minor version are worth in CI: there one of
// every minor version, by day and suite another. HEAPGLASS_TEST_DAY is the day, a number; without it all of
// them.
inline std::vector<Interpreter> those_of_the_day(const std::vector<Interpreter>& all,
                                                 std::string_view suite) {
  const char* told = std::getenv("HEAPGLASS_TEST_DAY");
  if (!told || !*told) return all;
  // Every fourth day moves on by two: what scripts/slow-tests takes each fourth day has every interpreter in
  // the end as well.
  const unsigned long day = std::strtoul(told, nullptr, 10);
  const std::size_t turn = day + day / 4 + std::hash<std::string_view>()(suite) % 1000;
  std::vector<std::string> minors;
  std::map<std::string, std::vector<Interpreter>> of_minor;
  for (const Interpreter& each : all) {
    const std::string minor = each.version.substr(0, each.version.find('.', 2));
    if (!of_minor.count(minor)) minors.push_back(minor);
    of_minor[minor].push_back(each);
  }
  std::vector<Interpreter> chosen;
  for (const std::string& minor : minors) chosen.push_back(of_minor[minor][turn % of_minor[minor].size()]);
  return chosen;
}
inline std::vector<Interpreter> interpreters_of_the_day(std::string_view suite) {
  return those_of_the_day(supported_interpreters(), suite);
}

// The first release build of each version, where a debug build would show the same.
inline std::vector<Interpreter> releases() {
  std::vector<Interpreter> chosen;
  for (const Interpreter& each : supported_interpreters()) {
    if (each.build == "release" && (chosen.empty() || chosen.back().version != each.version))
      chosen.push_back(each);
  }
  return chosen;
}

// A program of testdata/programs under an interpreter, from the moment that it is ready until this object
// goes.
class PythonProgram {
 public:
  PythonProgram(const std::string& interpreter, const std::string& program,
                const std::vector<std::string>& arguments = {})
      : PythonProgram(command_of(interpreter, program, arguments)) {}
  // One that is started in some other way.
  explicit PythonProgram(const std::vector<std::string>& command) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe for " + command.front());
    }
    child_ = std::make_unique<ChildProcess>(command, ChildProcess::Streams{in[0], out[1], 2});
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
    ready_line_ = read_line();
    if (ready_line_.rfind("READY", 0) != 0) {
      close_pipes();
      std::string told;
      for (const std::string& word : command) {
        told += word + " ";
      }
      throw std::runtime_error(told + "did not get ready; it said: " + ready_line_);
    }
  }
  ~PythonProgram() { close_pipes(); }
  PythonProgram(const PythonProgram&) = delete;
  PythonProgram& operator=(const PythonProgram&) = delete;

  pid_t pid() const { return child_->pid(); }
  std::string target() const { return std::to_string(pid()); }
  const std::string& ready_line() const { return ready_line_; }

  // Whether it still runs Python: it writes the truth again and says so.
  bool write_truth(const std::string& file) {
    const std::string line = "truth " + file + "\n";
    return write(in_, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && read_line() == "DONE";
  }

  // Whether it answers one byte with another.
  bool answers(char question, char expected) {
    char byte = 0;
    pollfd ready{out_, POLLIN, 0};
    return write(in_, &question, 1) == 1 && poll(&ready, 1, 180000) == 1 && read(out_, &byte, 1) == 1 &&
           byte == expected;
  }

  // The line with which it answers a line.
  std::string ask(const std::string& question) {
    const std::string line = question + "\n";
    return write(in_, line.data(), line.size()) == static_cast<ssize_t>(line.size()) ? read_line() : "";
  }

  // Its exit code when its input ends.
  int finish() {
    close(in_);
    in_ = -1;
    return child_->wait(std::chrono::seconds(30));
  }

  char state() const {  // the letter of /proc/PID/stat
    std::ifstream stat("/proc/" + target() + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    const std::size_t name_end = text.rfind(')');
    return name_end == std::string::npos ? '?' : text[name_end + 2];
  }

 private:
  static std::vector<std::string> command_of(const std::string& interpreter, const std::string& program,
                                             const std::vector<std::string>& arguments) {
    std::vector<std::string> command{interpreter, "-B", "-W", "ignore", kPrograms + program};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  std::string read_line() {
    std::string line;
    for (char byte = 0;;) {
      pollfd ready{out_, POLLIN, 0};
      if (poll(&ready, 1, 180000) != 1 || read(out_, &byte, 1) != 1 || byte == '\n') {
        return line;
      }
      line += byte;
    }
  }
  void close_pipes() {
    for (int* each : {&in_, &out_}) {
      if (*each >= 0) {
        close(*each);
        *each = -1;
      }
    }
  }

  std::unique_ptr<ChildProcess> child_;
  int in_ = -1, out_ = -1;
  std::string ready_line_;
};

// gdb's core of a living process, a file of that folder; empty: gdb is not there, or may not trace.
inline std::string gcore(const std::string& pid, const TemporaryFolder& folder) {
  const std::string file = folder.file("core");
  run_command({"gdb", "-nx", "-batch", "-p", pid, "-ex", "generate-core-file " + file});
  return access(file.c_str(), F_OK) == 0 ? file : "";
}
inline std::string gcore(const PythonProgram& target, const TemporaryFolder& folder) {
  return gcore(target.target(), folder);
}

}  // namespace heapglass
