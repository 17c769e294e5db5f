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
#include "lib/expression/expression.h"
#include "lib/open/open_heap.h"
#include "lib/report/metrics.h"
#include "lib/report/thresholds.h"

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

// The options of one command: common ones, its own, and TARGET. An option is declared with the variable that
// takes its value, typed; what it is not given keeps what is in that. A value that is none is an Error kUsage
// before anything is stopped.
class CommandLine {
 public:
  CommandLine(std::string_view command, std::string_view summary, bool takes_target = true);
  ~CommandLine();

  // `name` may have a short form behind a comma: "limit,n".
  void flag(const char* name, bool* value, const std::string& help);
  void option(const char* name, std::string* value, const char* takes, std::string help);
  // Can be repeated.
  void option(const char* name, std::vector<std::string>* values, const char* takes, std::string help);
  void option(const char* name, std::vector<Address>* addresses, std::string help);
  void option(const char* name, std::optional<Expression>* condition, std::string help);
  void option(const char* name, std::optional<std::chrono::milliseconds>* time, std::string help);
  // A whole number in [least, most].
  template <class N>
  void count(const char* name, N* value, long long least, long long most, std::string help,
             const char* takes = "N") {
    add_count(name, takes, least, most, std::move(help),
              [value](long long n) { *value = static_cast<N>(n); });
  }
  template <class N>
  void count(const char* name, std::optional<N>* value, long long least, long long most, std::string help,
             const char* takes = "N") {
    add_count(name, takes, least, most, std::move(help),
              [value](long long n) { *value = static_cast<N>(n); });
  }
  // One of a few words.
  template <class T>
  void choice(const char* name, T* value, std::vector<std::pair<std::string_view, T>> choices,
              const char* takes, std::string help) {
    std::vector<std::string_view> words;
    words.reserve(choices.size());
    for (const auto& each : choices) words.push_back(each.first);
    add_choice(name, words, takes, std::move(help),
               [value, choices = std::move(choices)](std::size_t i) { *value = choices[i].second; });
  }
  // --fail-if and --missing-ok; `when`: "where THRESHOLD is exceeded".
  void thresholds(ThresholdOptions* options, const std::string& when);
  // --openmetrics, --service and --metrics-top.
  void metrics(MetricsOptions* options);

  // A second word behind TARGET, which may be left out.
  void takes_also(std::string name, std::string* value);
  // Further targets behind TARGET.
  void takes_more_targets(std::vector<std::string>* targets);

  // False: --help was asked for and has been printed. Throws Error kUsage with "did you mean".
  bool parse(const std::vector<std::string>& arguments);
  CommonOptions& common() { return common_; }

 private:
  using Set = std::function<void(const std::string& text)>;
  struct Declared;
  void add(const char* name, const char* takes, const std::string& help, bool repeated, Set set);
  void add_count(const char* name, const char* takes, long long least, long long most, std::string help,
                 std::function<void(long long)> set);
  void add_choice(const char* name, const std::vector<std::string_view>& words, const char* takes,
                  std::string help, std::function<void(std::size_t)> set);
  void add_common();

  std::string command_, summary_;
  bool takes_target_;
  std::string also_name_;
  std::string* also_ = nullptr;
  std::vector<std::string>* more_ = nullptr;
  CommonOptions common_;
  std::unique_ptr<Declared> declared_;
};

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
int run_ps(const std::vector<std::string>& arguments);
int run_query_command(const std::vector<std::string>& arguments);
int run_show(const std::vector<std::string>& arguments);
int run_path(const std::vector<std::string>& arguments);
int run_retained(const std::vector<std::string>& arguments);
int run_snapshot(const std::vector<std::string>& arguments);
int run_export(const std::vector<std::string>& arguments);
int run_stacks(const std::vector<std::string>& arguments);
int run_selfcheck(const std::vector<std::string>& arguments);

}  // namespace heapglass
