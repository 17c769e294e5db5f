#include "cmd/command.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>

#include "lib/base/choices.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/base/quantities.h"
#include "lib/export/exporter.h"
#include "lib/open/drawing_program.h"
#include "lib/open/output_rights.h"
#include "lib/render/dot.h"
#include "lib/render/drawing.h"
#include "lib/render/formats.h"
#include "lib/render/profile.h"
#include "lib/target/freeze_modes.h"
#include "platform/process/memory_left.h"

namespace heapglass {
namespace {

namespace options = boost::program_options;

AnswerKind answer_of(const std::string& command) {
  const auto all = commands();
  const auto row = std::find_if(all.begin(), all.end(), [&](const Command& c) { return c.name == command; });
  return row == all.end() ? AnswerKind::kTables : row->answer;
}

// The words of --format that a command takes.
std::vector<std::string> format_names(const std::string& command) {
  std::vector<std::string> names;
  if (command == "export")
    for (const ExportFormat& f : export_formats()) names.emplace_back(f.name);
  if (command == "report") names.emplace_back("json");
  const AnswerKind answer = answer_of(command);
  if (answer == AnswerKind::kFile) return names;
  for (const Format& f : formats())
    if ((!f.draws || answer == AnswerKind::kGraph) && (!f.profiles || answer == AnswerKind::kProfile))
      names.emplace_back(f.name);
  return names;
}

// What Boost.Program_options found wrong, and what to write instead.
Error wrong_syntax(const std::string& command, const options::invalid_command_line_syntax& wrong,
                   std::span<const OptionDescription> known) {
  using Syntax = options::invalid_syntax;
  const std::string name = wrong.get_option_name();
  const std::string see = "see heapglass " + command + " --help";
  const auto option = std::find_if(known.begin(), known.end(), [&](const OptionDescription& each) {
    return "--" + each.name == name || (!each.letter.empty() && "-" + each.letter == name);
  });
  if (option != known.end() && option->takes.empty())
    return Error(ErrorKind::kUsage, command + ": " + name + " takes no value", "write " + name + " alone");
  if (option != known.end() &&
      (wrong.kind() == Syntax::missing_parameter || wrong.kind() == Syntax::empty_adjacent_parameter))
    return Error(ErrorKind::kUsage,
                 command + ": " + name + " takes a value, " + option->takes + ", and none is given", see);
  return Error(ErrorKind::kUsage, command + ": " + wrong.what(), see);
}

// "limit,n" -> "--limit", as messages name it.
std::string written(std::string_view name) { return "--" + std::string(name.substr(0, name.find(','))); }

}  // namespace

// Every option as it was declared, and for Boost.Program_options.
struct CommandLine::Declared {
  explicit Declared(const std::string& command)
      : own("Options of " + command), shared("Common options"), adds_to(&own) {}

  struct Option {
    bool* flag = nullptr;
    Set set;
    bool may_be_empty = false;
  };
  std::map<std::string, Option> by_name;  // by the long name
  options::options_description own, shared;
  options::options_description* adds_to;
  std::vector<OptionDescription> descriptions;  // in the order of declaration

  void describe(const char* name, const char* takes, const std::string& help, bool repeated) {
    const std::string_view both = name;
    const std::size_t comma = both.find(',');
    descriptions.push_back({.name = std::string(both.substr(0, comma)),
                            .letter = comma == both.npos ? "" : std::string(both.substr(comma + 1)),
                            .takes = takes,
                            .help = help,
                            .choices = {},
                            .repeated = repeated,
                            .common = adds_to == &shared});
  }
  void add_help() {
    adds_to->add_options()("help,h", "print this help");
    describe("help,h", "", "print this help", false);
  }
};

CommandLine::CommandLine(std::string_view command, std::string_view summary, bool takes_target)
    : command_(command),
      summary_(summary),
      takes_target_(takes_target),
      declared_(std::make_unique<Declared>(command_)) {
  declared_->adds_to = &declared_->shared;
  add_common();
  declared_->adds_to = &declared_->own;
}
CommandLine::~CommandLine() = default;

void CommandLine::takes_also(std::string name, std::string* value) {
  also_name_ = std::move(name);
  also_ = value;
}

void CommandLine::takes_more_targets(std::vector<std::string>* targets) { more_ = targets; }

void CommandLine::add(const char* name, const char* takes, const std::string& help, bool repeated, Set set) {
  declared_->describe(name, takes, help, repeated);
  if (repeated)
    declared_->adds_to->add_options()(name, options::value<std::vector<std::string>>()->value_name(takes),
                                      help.c_str());
  else
    declared_->adds_to->add_options()(name, options::value<std::string>()->value_name(takes), help.c_str());
  declared_->by_name[written(name).substr(2)] = {nullptr, std::move(set)};
}

void CommandLine::flag(const char* name, bool* value, const std::string& help) {
  declared_->describe(name, "", help, false);
  declared_->adds_to->add_options()(name, options::bool_switch(), help.c_str());
  declared_->by_name[written(name).substr(2)] = {value, {}};
}

void CommandLine::option(const char* name, std::string* value, const char* takes, const std::string& help) {
  add(name, takes, help, false, [value](const std::string& text) { *value = text; });
}

void CommandLine::written_file(const char* name, std::string* path, const std::string& help) {
  option(name, path, "FILE", help);
  written_files_.push_back(path);
}

void CommandLine::option(const char* name, std::vector<std::string>* values, const char* takes,
                         const std::string& help) {
  add(name, takes, help, true, [values](const std::string& text) { values->push_back(text); });
}

void CommandLine::option(const char* name, std::vector<Address>* addresses, const std::string& help) {
  add(name, "ADDRESS", help, true, [addresses, option = written(name)](const std::string& text) {
    addresses->push_back(parse_address(option, text));
  });
}

void CommandLine::option(const char* name, std::optional<Expression>* condition, const std::string& help) {
  add(name, "EXPR", help, false, [condition, option = written(name)](const std::string& text) {
    if (!text.empty()) condition->emplace(Expression::parse(text, option));
  });
  declared_->by_name[written(name).substr(2)].may_be_empty = true;
}

void CommandLine::option(const char* name, std::optional<std::chrono::milliseconds>* time,
                         const std::string& help) {
  add(name, "TIME", help, false,
      [time, option = written(name)](const std::string& text) { *time = parse_time(option, text); });
}

void CommandLine::add_count(const char* name, const char* takes, long long least, long long most,
                            const std::string& help, std::function<void(long long)> set) {
  add(name, takes, help, false,
      [least, most, set = std::move(set), option = written(name)](const std::string& text) {
        set(parse_count(option, text, least, most));
      });
}

void CommandLine::add_choice(const char* name, const std::vector<std::string_view>& words, const char* takes,
                             const std::string& help, std::function<void(std::size_t)> set) {
  add(name, takes, help, false,
      [words, set = std::move(set), option = written(name)](const std::string& text) {
        set(parse_choice(option, text, words));
      });
  declared_->descriptions.back().choices.assign(words.begin(), words.end());
}

void CommandLine::thresholds(ThresholdOptions* thresholds, const std::string& when) {
  option("fail-if", &thresholds->text, "THRESHOLD",
         "exit with code 1 and the reason " + when + ": see heapglass help thresholds");
  flag("missing-ok", &thresholds->missing_ok,
       "with --fail-if: take a type or owner that is not there as 0, rather than exit with code 2");
}

void CommandLine::metrics(MetricsOptions* metrics) {
  metrics_ = metrics;
  written_file(
      "openmetrics", &metrics->file,
      "also write gauges to FILE, a name that ends in .prom, for Prometheus through node_exporter's textfile "
      "collector");
  option("service", &metrics->service, "NAME",
         "the gauges' label `service` (default: the name of the target's program)");
  count("metrics-top", &metrics->top, 0, 1'000'000, "gauges for N types and owners (default 20), 0: all");
}

void CommandLine::add_format() {
  const std::vector<std::string> names = format_names(command_);
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  option("format", &common_.format, "NAME",
         names.empty() ? "none: what " + command_ + " writes has one format" : "output as " + list);
  declared_->descriptions.back().choices = names;
}

void CommandLine::add_color() {
  choice<ColorChoice>(
      "color", &common_.color,
      {{"auto", ColorChoice::kAuto}, {"always", ColorChoice::kAlways}, {"never", ColorChoice::kNever}},
      "WHEN",
      "colours: always, never, or auto (default), on a terminal that has them unless NO_COLOR is set");
}

void CommandLine::add_common() {
  add_format();
  option("output,o", &common_.output, "FILE",
         "write to FILE, which is replaced once all is written; - is the standard output");
  add("mode", "MODE",
      "permissions of the files written, such as 0640 so that your group can read them (default 0600 "
      "whatever the umask, because they may hold values of the target)",
      false, [this](const std::string& text) { common_.mode = parse_file_mode(text); });
  flag("csv-raw", &common_.csv_raw,
       "CSV with the target's text as it is: no apostrophe before what a spreadsheet would compute, control "
       "characters not escaped");
  if (!takes_target_) {
    flag("exact-bytes", &common_.exact_bytes, "print sizes to the byte: 12,345,678 instead of 12.3 MB");
    add_color();
    declared_->add_help();
    return;
  }
  add("freeze", "MODE", "how the target is stopped while its memory is captured. " + freeze_help(), false,
      [this](const std::string& text) { common_.freeze.mode = parse_freeze_mode(text); });
  const std::vector<std::string_view> modes = freeze_modes();
  declared_->descriptions.back().choices.assign(modes.begin(), modes.end());
  count("max-pause", &common_.freeze.max_pause_ms, 1, 3'600'000,
        "exit with code 3 rather than stop the target for more than MS milliseconds; the pause is estimated "
        "before the target is stopped, and cut short where the estimate was wrong",
        "MS");
  flag("urgent", &common_.freeze.urgent,
       "copy on all processors while the target is stopped, without leaving time to other processes: a "
       "shorter pause on a busy machine, during which nothing else runs");
  count("nice", &common_.nice, 0, 19,
        "once the target runs again, lower heapglass' priority by N steps of nice (default 10, 0 to 19)");
  add("max-memory", "SIZE",
      "take no more memory than SIZE (500MB, 2GiB), each process of heapglass by itself, and exit with code "
      "3 "
      "where that is too little: before the target is stopped where it can be seen by then",
      false, [this](const std::string& text) {
        common_.max_memory = parse_size(text);
        if (common_.max_memory.value_or(0) == 0)
          throw Error(ErrorKind::kUsage, "invalid --max-memory '" + text + "'",
                      "use a number with B, kB, MB, GB, KiB, MiB or GiB, such as 500MB");
      });
  choice<std::string>(
      "resolve", &common_.resolve, {{"auto", "auto"}, {"layout", "layout"}, {"run", "run"}, {"scan", "scan"}},
      "HOW",
      "where the references of a type without a known layout come from: run calls the type's own "
      "tp_traverse, in a confined process made from the copy; scan takes each word that is the "
      "address of an object; layout leaves them out; auto (default) is run for targets of your "
      "own user, else scan");
  option(
      "sysroot", &common_.sysroot, "DIR",
      "for core files: the folder that has the programs and libraries of the machine that the core was made "
      "on");
  flag("exact-bytes", &common_.exact_bytes, "print sizes to the byte: 12,345,678 instead of 12.3 MB");
  add_color();
  flag("verbose,v", &common_.verbose, "print on the standard error what was done and how long it took");
  declared_->add_help();
}

CommandDescription CommandLine::description() const {
  CommandDescription description{
      .name = command_, .summary = summary_, .operands = {}, .more_targets = more_ != nullptr, .options = {}};
  if (takes_target_) description.operands.emplace_back("TARGET");
  if (also_) description.operands.push_back(also_name_);
  for (const bool common : {false, true})
    for (const OptionDescription& option : declared_->descriptions)
      if (option.common == common) description.options.push_back(option);
  return description;
}

CommandDescription describe(const Command& command) {
  CommandDescription description;
  CommandLine::describe_into_ = &description;
  command.run({});
  CommandLine::describe_into_ = nullptr;
  return description;
}

void CommandLine::print_help() const {
  std::cout << "heapglass " << command_
            << (target_is_optional_ ? " [TARGET]"
                : takes_target_     ? " TARGET"
                                    : "")
            << (!also_          ? ""
                : takes_target_ ? " '" + also_name_ + "'"
                                : " " + also_name_)
            << (more_ ? " [TARGET...]" : "") << " [options]: " << summary_ << "\n";
  if (!declared_->own.options().empty()) std::cout << "\n" << declared_->own;
  std::cout << "\n" << declared_->shared;
}

void CommandLine::select_processes() const {
  if (!processes_.given() || !runs_for_each_) return;
  if (metrics_ && !metrics_->file.empty())
    throw Error(ErrorKind::kUsage, command_ + ": --openmetrics is for one process",
                "each process' gauges would replace those of the one before: run it for each");
  *select_into_ =
      SeveralProcesses{processes_, common_, answer_of(command_), sends_to_ && !sends_to_->empty()};
}

bool CommandLine::parse(const std::vector<std::string>& arguments) {
  if (describe_into_) {
    *describe_into_ = description();
    return false;
  }
  options::options_description everything, hidden;
  hidden.add_options()("target", options::value(&common_.target))(
      "check-copy", options::bool_switch(&common_.freeze.check_copy));  // for tests
  options::positional_options_description positional;
  if (takes_target_ || !also_) positional.add("target", 1);
  if (also_) {
    hidden.add_options()(also_name_.c_str(), options::value(also_));
    positional.add(also_name_.c_str(), 1);
  }
  if (more_) {
    hidden.add_options()("targets", options::value(more_));
    positional.add("targets", -1);
  }
  everything.add(declared_->own).add(declared_->shared).add(hidden);
  // Guessing is off: a prefix that means one option today may mean two tomorrow.
  using style = options::command_line_style::style_t;
  const int how = style::unix_style & ~style::allow_guessing;
  const std::string see = "see heapglass " + command_ + " --help";
  options::variables_map values;
  try {
    const auto parsed =
        options::command_line_parser(arguments).options(everything).positional(positional).style(how).run();
    for (const auto& o : parsed.options)
      if (o.string_key == "help") {
        if (!select_into_) print_help();
        return false;
      }
    options::store(parsed, values);
    options::notify(values);
  } catch (const options::invalid_command_line_syntax& error) {
    throw wrong_syntax(command_, error, declared_->descriptions);
  } catch (const options::multiple_occurrences& error) {
    throw Error(ErrorKind::kUsage, command_ + ": " + error.get_option_name() + " is given more than once",
                "leave all but one out");
  } catch (const options::unknown_option& error) {
    std::vector<std::string> names;
    for (const auto& [name, option] : declared_->by_name) names.push_back("--" + name);
    names.push_back("--help");
    const std::string typed = error.get_option_name();
    if (takes_target_ && (typed == "--pid" || typed == "-p" || typed == "--target"))
      throw Error(ErrorKind::kUsage, command_ + " has no option " + typed,
                  "the target stands alone: heapglass " + command_ + " 4711");
    const std::string meant = did_you_mean(near_names(typed, names, 3));
    throw Error(ErrorKind::kUsage, command_ + " has no option " + typed, meant.empty() ? see : meant);
  } catch (const options::too_many_positional_options_error&) {
    throw Error(ErrorKind::kUsage, command_ + " takes one target", see);
  } catch (const options::error& error) {
    throw Error(ErrorKind::kUsage, command_ + ": " + error.what(), see);
  }
  set_values(values);
  check_operands();
  check_values();
  if (one_of_several_) take_one_of_several();
  check_outputs();
  if (common_.max_memory) limit_own_memory(*common_.max_memory);
  if (select_into_) {
    select_processes();
    return false;
  }
  if (!can_draw()) {
    if (wants_drawing(common_)) let_drawing_program_run(arguments);
  }
  return true;
}

void CommandLine::check_operands() const {
  const std::string see = "see heapglass " + command_ + " --help";
  if (processes_.given() && (!common_.target.empty() || (more_ && !more_->empty())))
    throw Error(ErrorKind::kUsage,
                command_ + " takes a target or several processes, and '" + common_.target + "' is given too",
                "leave the target out, or the option that selects processes");
  if (processes_.given() > 1)
    throw Error(ErrorKind::kUsage, "of --family, --cgroup, --container, --user and --all one can be given",
                "leave the others out");
  if (processes_.given()) return;
  if (takes_target_ && !target_is_optional_ && common_.target.empty())
    throw Error(ErrorKind::kUsage, command_ + " needs a target: a process id, a core file or a snapshot",
                "heapglass ps lists the processes");
  if (!takes_target_ && !common_.target.empty())
    throw Error(ErrorKind::kUsage, command_ + " takes no target, and '" + common_.target + "' is given", see);
}

void CommandLine::set_values(const options::variables_map& values) {
  const auto set = [&](const std::string& name, const Declared::Option& option, const std::string& text) {
    // Most often a variable of a script that is not set; a threshold that is empty would never be exceeded.
    if (text.empty() && !option.may_be_empty)
      throw Error(ErrorKind::kUsage, command_ + ": the value of --" + name + " is empty",
                  "give one, or leave the option out");
    option.set(text);
  };
  for (const auto& [name, option] : declared_->by_name) {
    const options::variable_value& value = values[name];
    if (value.empty()) continue;
    if (option.flag) {
      *option.flag = value.as<bool>();
    } else if (const auto* const many = boost::any_cast<std::vector<std::string>>(&value.value())) {
      for (const std::string& each : *many) set(name, option, each);
    } else {
      set(name, option, value.as<std::string>());
    }
  }
}

// What the options say of each other, before anything is stopped.
void CommandLine::check_values() const {
  if (!common_.sysroot.empty() && !std::filesystem::is_directory(common_.sysroot))
    throw Error(ErrorKind::kUsage, "--sysroot '" + common_.sysroot + "' is not a folder",
                "name the folder that has the programs and libraries of the core's machine");
  check_format();
}

void CommandLine::check_format() const {
  if (command_ == "export") return;
  const std::vector<std::string> names = format_names(command_);
  const auto known = formats();
  if (!common_.format.empty() && !names.empty() &&
      std::none_of(known.begin(), known.end(), [&](const Format& f) { return f.name == common_.format; }))
    throw invalid_choice("--format", common_.format,
                         std::vector<std::string_view>(names.begin(), names.end()));
  const AnswerKind answer = answer_of(command_);
  const Format* const format = answer == AnswerKind::kFile ? nullptr : format_asked_for(common_);
  if (!format) return;
  if (format->draws && answer != AnswerKind::kGraph) (void)picture_of({}, format->name);
  if (format->profiles && answer != AnswerKind::kProfile) (void)profile_of({}, format->name);
}

// A path that cannot be written is refused before a process is stopped and copied for it.
void CommandLine::check_outputs() const {
  for (const std::string* path : written_files_) check_output(*path);
  // Of several processes each has a file of its own, and is refused by itself.
  if (processes_.given() && answer_of(command_) == AnswerKind::kFile) return;
  const bool is_folder =
      command_ == "export" && !common_.format.empty() && find_export_format(common_.format).is_folder;
  if (!is_folder) check_output(common_.output);
}

std::vector<std::string> CommandLine::whole(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), command_);
  return arguments;
}

void CommandLine::prefer_drawing_program(const std::vector<std::string>& arguments) const {
  try {
    let_drawing_program_run(arguments);
  } catch (const Error&) {
    // The page has the reason where a picture would be.
  }
}

void CommandLine::let_drawing_program_run(const std::vector<std::string>& arguments) const {
  if (!can_draw())
    run_drawing_program(whole(arguments), "a picture", "write DOT (-o FILE.dot) where there is a graph");
}

}  // namespace heapglass
