// What a command is. To add one: its file with a run function, and a row in commands.cc.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/address.h"
#include "lib/base/progress.h"
#include "lib/expression/expression.h"
#include "lib/open/open_heap.h"
#include "lib/open/process_selection.h"
#include "lib/report/command_description.h"
#include "lib/report/metrics.h"
#include "lib/report/thresholds.h"

namespace boost::program_options {
class variables_map;
}

namespace heapglass {

// Exit codes: 0, 1, 130 and those of ErrorKind.
constexpr int kExitDone = 0;
constexpr int kExitExceeded = 1;  // a threshold of --fail-if, or --timeout of query

// --limit of a table that can be long.
constexpr long long kMostRows = 1'000'000'000;

// Throws Error kUsage naming the option where `text` is no whole number or outside of [least, most].
long long parse_count(std::string_view option, const std::string& text, long long least, long long most);
// "10s", "500ms", "2m", "1h", "10": seconds where no unit is given. Throws Error kUsage naming the option.
std::chrono::milliseconds parse_time(std::string_view option, const std::string& text);
// "0644", "640" -> what a file may be read and written by. Throws Error kUsage.
FileMode parse_file_mode(const std::string& text);
// "0x7f31c0de", "7f31c0de", "139872341" -> address; digits alone are decimal. Throws Error kUsage.
Address parse_address(std::string_view option, const std::string& text);

// What an answer can be printed as, beside text, JSON and CSV.
enum class AnswerKind {
  kTables,
  kGraph,    // as a picture too
  kProfile,  // as a flame graph too
  kFile,     // it writes files of its own, and looks at --format itself
};

// A command line whose target is several processes.
struct SeveralProcesses {
  ProcessSelection selection;
  OutputOptions output;
  AnswerKind answer;
  bool sends;  // to a server: no file is needed
};

struct PrivateBytes;  // lib/memory/private_bytes.h
// One of them, for which the command is run with the same arguments.
struct OneOfSeveral {
  const SelectedProcess& selected;
  std::string format, output;  // instead of those asked for
  std::function<void(const Document& document, std::uint64_t objects)> on_answer;
  TerminalLook shown_on;  // what the answers of all are printed on
  // Of `memory`, for a process that was forked from another of them.
  std::function<void(const PrivateBytes& bytes, bool has_immortal_objects)> on_private_bytes;
};

// The options of one command: common ones, its own, and TARGET. An option is declared with the variable that
// takes its value, typed; what it is not given keeps what is in that. A value that is none is an Error kUsage
// before anything is stopped.
class CommandLine {
 public:
  CommandLine(std::string_view command, std::string_view summary, bool takes_target = true);
  ~CommandLine();

  // `name` may have a short form behind a comma: "limit,n".
  void flag(const char* name, bool* value, const std::string& help);
  void option(const char* name, std::string* value, const char* takes, const std::string& help);
  // A file that is written beside the answer.
  void written_file(const char* name, std::string* path, const std::string& help);
  // Can be repeated.
  void option(const char* name, std::vector<std::string>* values, const char* takes, const std::string& help);
  void option(const char* name, std::vector<Address>* addresses, const std::string& help);
  void option(const char* name, std::optional<Expression>* condition, const std::string& help);
  void option(const char* name, std::optional<std::chrono::milliseconds>* time, const std::string& help);
  // A whole number in [least, most].
  template <class N>
  void count(const char* name, N* value, long long least, long long most, const std::string& help,
             const char* takes = "N") {
    add_count(name, takes, least, most, help, [value](long long n) { *value = static_cast<N>(n); });
  }
  template <class N>
  void count(const char* name, std::optional<N>* value, long long least, long long most,
             const std::string& help, const char* takes = "N") {
    add_count(name, takes, least, most, help, [value](long long n) { *value = static_cast<N>(n); });
  }
  // One of a few words.
  template <class T>
  void choice(const char* name, T* value, std::vector<std::pair<std::string_view, T>> choices,
              const char* takes, const std::string& help) {
    std::vector<std::string_view> words;
    words.reserve(choices.size());
    for (const auto& each : choices) words.push_back(each.first);
    add_choice(name, words, takes, help,
               [value, choices = std::move(choices)](std::size_t i) { *value = choices[i].second; });
  }
  // --fail-if and --missing-ok; `when`: "where THRESHOLD is exceeded".
  void thresholds(ThresholdOptions* options, const std::string& when);
  // --openmetrics, --service and --metrics-top.
  void metrics(MetricsOptions* options);

  // --family, --cgroup, --container, --user and --all instead of TARGET. The command is run for each of the
  // processes by itself: see run_for_processes.
  void takes_processes();
  // An option that, where it is given, has answers sent and not written.
  void sends_to(const std::string* url) { sends_to_ = url; }
  // The command looks at them itself: they are in processes().
  void lists_processes();
  const ProcessSelection& processes() const { return processes_; }
  // Where the command is run for one of several processes: which.
  const OneOfSeveral* one_of_several() const { return one_of_several_; }

  // TARGET may be left out.
  void target_may_be_missing() { target_is_optional_ = true; }
  // A second word behind TARGET, which may be left out.
  void takes_also(std::string name, std::string* value);
  // Further targets behind TARGET.
  void takes_more_targets(std::vector<std::string>* targets);

  // False: --help was asked for and has been printed. Throws Error kUsage with "did you mean".
  bool parse(const std::vector<std::string>& arguments);
  // After parse(), where an option of the command's own draws: heapglass-draw takes over where this build
  // does not draw.
  void let_drawing_program_run(const std::vector<std::string>& arguments) const;
  // The same for a page, which is one without pictures too: where heapglass-draw is not here it says so in
  // their places.
  void prefer_drawing_program(const std::vector<std::string>& arguments) const;
  CommonOptions& common() { return common_; }

 private:
  friend CommandDescription describe(const struct Command& command);
  friend std::optional<SeveralProcesses> selection_of(const struct Command& command,
                                                      const std::vector<std::string>& arguments);
  friend int run_for_one(const struct Command& command, const std::vector<std::string>& arguments,
                         const OneOfSeveral& one);
  CommandDescription description() const;
  static inline CommandDescription* describe_into_ =
      nullptr;  // where describe() asks: parse() only describes
  static inline std::optional<SeveralProcesses>* select_into_ =
      nullptr;  // where selection_of() asks: parse() only checks
  static inline const OneOfSeveral* one_of_several_ = nullptr;  // where run_for_one() runs it

  std::vector<std::string> whole(std::vector<std::string> arguments) const;  // of the program
  void print_help() const;
  void select_processes() const;  // for selection_of()
  void check_operands() const;
  void take_one_of_several();
  void set_values(const boost::program_options::variables_map& values);
  void check_values() const;
  void check_format() const;
  void check_outputs() const;
  using Set = std::function<void(const std::string& text)>;
  struct Declared;
  void add(const char* name, const char* takes, const std::string& help, bool repeated, Set set);
  void add_format();
  void add_count(const char* name, const char* takes, long long least, long long most,
                 const std::string& help, std::function<void(long long)> set);
  void add_choice(const char* name, const std::vector<std::string_view>& words, const char* takes,
                  const std::string& help, std::function<void(std::size_t)> set);
  void add_common();
  void add_color();

  std::string command_, summary_;
  bool takes_target_, target_is_optional_ = false, takes_processes_ = false, runs_for_each_ = false;
  ProcessSelection processes_;
  MetricsOptions* metrics_ = nullptr;
  std::string also_name_;
  std::string* also_ = nullptr;
  std::vector<std::string>* more_ = nullptr;
  const std::string* sends_to_ = nullptr;
  std::vector<const std::string*> written_files_;  // beside common_.output
  CommonOptions common_;
  std::unique_ptr<Declared> declared_;
};

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const std::vector<std::string>& arguments);
  AnswerKind answer = AnswerKind::kTables;
  Stages stages = 0;  // that take long where the heap is large; none: no progress is shown
};
std::span<const Command> commands();
// Throws Error kUsage with "did you mean".
const Command& find_command(const std::string& name);
// Command lines, each with its line end; empty: it has none.
std::string_view examples_of(std::string_view command);
// Its options, without running it.
CommandDescription describe(const Command& command);

// What the arguments select, where that is several processes; throws Error kUsage where they are wrong.
std::optional<SeveralProcesses> selection_of(const Command& command,
                                             const std::vector<std::string>& arguments);
// The command for one of them; its exit code.
int run_for_one(const Command& command, const std::vector<std::string>& arguments, const OneOfSeveral& one);
// The command for each of the processes that the arguments select, one after the other, and one answer of
// all; its exit code. Nothing where the arguments select none.
std::optional<int> run_for_processes(const Command& command, const std::vector<std::string>& arguments);

int run_brief();  // without any word
// The command of that name; where it names a target, overview.
int run_command_line(const std::string& name, std::vector<std::string> arguments);
int run_help(const std::vector<std::string>& arguments);  // those behind `help`
int run_complete(const std::vector<std::string>& words);  // prints what can follow, for scripts of shells

int run_overview(const std::vector<std::string>& arguments);
int run_info(const std::vector<std::string>& arguments);
int run_tracemalloc(const std::vector<std::string>& arguments);
int run_memory(const std::vector<std::string>& arguments);
int run_histogram(const std::vector<std::string>& arguments);
int run_objects(const std::vector<std::string>& arguments);
int run_backrefs(const std::vector<std::string>& arguments);
int run_refs(const std::vector<std::string>& arguments);
int run_diff(const std::vector<std::string>& arguments);
int run_since(const std::vector<std::string>& arguments);
int run_top(const std::vector<std::string>& arguments);
int run_watch(const std::vector<std::string>& arguments);
int run_guard(const std::vector<std::string>& arguments);
int run_garbage(const std::vector<std::string>& arguments);
int run_leaks(const std::vector<std::string>& arguments);
int run_ps(const std::vector<std::string>& arguments);
int run_query_command(const std::vector<std::string>& arguments);
int run_show(const std::vector<std::string>& arguments);
int run_path(const std::vector<std::string>& arguments);
int run_retained(const std::vector<std::string>& arguments);
int run_snapshot(const std::vector<std::string>& arguments);
int run_export(const std::vector<std::string>& arguments);
int run_report(const std::vector<std::string>& arguments);
int run_ui(const std::vector<std::string>& arguments);
int run_stacks(const std::vector<std::string>& arguments);
int run_selfcheck(const std::vector<std::string>& arguments);

}  // namespace heapglass
