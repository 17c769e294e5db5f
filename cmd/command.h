// What a command is. To add one: its file with a run function, and a row in commands.cc.
#pragma once

#include <boost/program_options.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/expression.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"
#include "lib/render/report.h"
#include "lib/target/freeze.h"

namespace heapglass {

namespace options = boost::program_options;

// Exit codes: 0, 1, 130 and those of ErrorKind.
constexpr int kExitDone = 0;
constexpr int kExitExceeded = 1;  // a threshold of --fail-if, or --timeout of query

// What every command that looks at a target takes.
struct CommonOptions {
  std::string target;
  std::string format;
  std::string output;
  FileMode mode;  // of the files that are written
  FreezeRequest freeze;
  std::string resolve = "auto";
  std::string sysroot;
  int nice = 10;  // steps that decoding comes behind others
  bool verbose = false;
  bool exact_bytes = false;
  bool csv_raw = false;
  // Set by commands. After the last look heapglass gives up all rights, so that only `output` and these files
  // can be written, and only these deeds be done: see OutputKeeper.
  bool more_follow = false;
  std::vector<OutputKeeper::File> extra_outputs;
  std::vector<std::function<void()>> deeds;
  std::function<void()> at_end;
};

// The options of one command: common ones, its own, and TARGET. Numbers are parsed as signed and checked, so
// that -3 is an error and not 4294967293.
class CommandLine {
 public:
  CommandLine(std::string_view command, std::string_view summary, bool takes_target = true);

  options::options_description& own() { return own_; }
  CommonOptions& common() { return common_; }

  // A second word behind TARGET, which may be left out.
  void takes_also(std::string name, std::string* value) {
    also_name_ = std::move(name);
    also_ = value;
  }
  // Further targets behind TARGET.
  void takes_more_targets(std::vector<std::string>* targets) { more_ = targets; }
  // False: --help was asked for and has been printed. Throws Error kUsage with "did you mean".
  bool parse(const std::vector<std::string>& arguments);
  std::string help() const;
  // Every option, for manuals and completions.
  std::vector<const options::option_description*> all() const;

 private:
  std::string command_, summary_;
  bool takes_target_;
  std::string also_name_;
  std::string* also_ = nullptr;
  std::vector<std::string>* more_ = nullptr;
  CommonOptions common_;
  std::string freeze_ = "copy", max_pause_, mode_, nice_ = "10";  // as written
  options::options_description own_;
  options::options_description shared_;
};

// "0644", "640" -> what a file may be read and written by. Throws Error kUsage.
FileMode parse_file_mode(const std::string& text);
// Throws Error kUsage naming the option where `text` is no whole number or below `least`.
long long parse_count(std::string_view option, const std::string& text, long long least, long long most);
// Of an option's value; nullopt where it is empty. Throws Error kUsage that points at the wrong place, and
// where it asks for what no command computes yet.
std::optional<Expression> parse_expression(const std::string& text, std::string_view option);
// "0x7f31c0de", "139872341" -> address. Throws Error kUsage.
Address parse_address(const std::string& text);

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const std::vector<std::string>& arguments);
};
std::span<const Command> commands();

int run_info(const std::vector<std::string>& arguments);
int run_tracemalloc(const std::vector<std::string>& arguments);
int run_memory(const std::vector<std::string>& arguments);
int run_histogram(const std::vector<std::string>& arguments);
int run_objects(const std::vector<std::string>& arguments);
int run_backrefs(const std::vector<std::string>& arguments);
int run_refs(const std::vector<std::string>& arguments);
int run_diff(const std::vector<std::string>& arguments);
int run_watch(const std::vector<std::string>& arguments);
int run_garbage(const std::vector<std::string>& arguments);
int run_leaks(const std::vector<std::string>& arguments);
int run_query_command(const std::vector<std::string>& arguments);
int run_show(const std::vector<std::string>& arguments);
int run_path(const std::vector<std::string>& arguments);
int run_retained(const std::vector<std::string>& arguments);
int run_snapshot(const std::vector<std::string>& arguments);
int run_export(const std::vector<std::string>& arguments);
int run_stacks(const std::vector<std::string>& arguments);
int run_selfcheck(const std::vector<std::string>& arguments);

}  // namespace heapglass
