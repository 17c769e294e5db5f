#include "cmd/command.h"

#include <boost/program_options.hpp>
#include <charconv>
#include <iostream>
#include <map>
#include <sstream>

#include "cmd/command.h"
#include "lib/base/choices.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/render/formats.h"

namespace heapglass {
namespace {

namespace options = boost::program_options;

std::string format_names() {
  std::string names;
  for (const Format& f : formats()) names += (names.empty() ? "" : ", ") + std::string(f.name);
  return names;
}

// "limit,n" -> "--limit", as messages name it.
std::string written(std::string_view name) { return "--" + std::string(name.substr(0, name.find(','))); }

// "0644", "640" -> what a file may be read and written by. Throws Error kUsage.
FileMode parse_file_mode(const std::string& text) {
  constexpr unsigned kOwnerWrites = 0200, kMost = 0666;
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || (mode & ~kMost) || !(mode & kOwnerWrites))
    throw Error(ErrorKind::kUsage, "invalid --mode '" + text + "': use an octal number such as 0640",
                "the owner has to be able to write, and nobody to execute");
  return {static_cast<mode_t>(mode), true};
}

// "0x7f31c0de", "139872341" -> address. Throws Error kUsage.
Address parse_address(std::string_view option, const std::string& text) {
  std::string_view digits = text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  }
  std::uint64_t a = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), a, base);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw Error(ErrorKind::kUsage,
                "invalid " + std::string(option) + " '" + text +
                    "': use an address as id() or heapglass objects print it",
                "139872341 or 0x8565355");
  return Address{a};
}

}  // namespace

long long parse_count(std::string_view option, const std::string& text, long long least, long long most) {
  long long n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < least || n > most)
    throw Error(ErrorKind::kUsage, "invalid " + std::string(option) + " '" + text +
                                       "': use a whole number from " + std::to_string(least) + " to " +
                                       std::to_string(most));
  return n;
}

std::chrono::milliseconds parse_time(std::string_view option, const std::string& text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const std::string unit = text.substr(digits);
  const long long factor = unit.empty() || unit == "s" ? 1000
                           : unit == "ms"              ? 1
                           : unit == "m"               ? 60'000
                           : unit == "h"               ? 3'600'000
                                                       : 0;
  if (digits == 0 || factor == 0)
    throw Error(ErrorKind::kUsage,
                "invalid " + std::string(option) + " '" + text + "': use a time such as 500ms, 10s or 2m");
  return std::chrono::milliseconds(parse_count(option, text.substr(0, digits), 1, 1'000'000) * factor);
}

// Every option as it was declared, and for Boost.Program_options.
struct CommandLine::Declared {
  explicit Declared(const std::string& command)
      : own("Options of " + command), shared("Common options"), adds_to(&own) {}

  struct Option {
    bool* flag = nullptr;
    Set set;
  };
  std::map<std::string, Option> by_name;  // by the long name
  options::options_description own, shared;
  options::options_description* adds_to;
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
  if (repeated)
    declared_->adds_to->add_options()(name, options::value<std::vector<std::string>>()->value_name(takes),
                                      help.c_str());
  else
    declared_->adds_to->add_options()(name, options::value<std::string>()->value_name(takes), help.c_str());
  declared_->by_name[written(name).substr(2)] = {nullptr, std::move(set)};
}

void CommandLine::flag(const char* name, bool* value, const std::string& help) {
  declared_->adds_to->add_options()(name, options::bool_switch(), help.c_str());
  declared_->by_name[written(name).substr(2)] = {value, {}};
}

void CommandLine::option(const char* name, std::string* value, const char* takes, std::string help) {
  add(name, takes, std::move(help), false, [value](const std::string& text) { *value = text; });
}

void CommandLine::option(const char* name, std::vector<std::string>* values, const char* takes,
                         std::string help) {
  add(name, takes, std::move(help), true, [values](const std::string& text) { values->push_back(text); });
}

void CommandLine::option(const char* name, std::vector<Address>* addresses, std::string help) {
  add(name, "ADDRESS", std::move(help), true, [addresses, option = written(name)](const std::string& text) {
    addresses->push_back(parse_address(option, text));
  });
}

void CommandLine::option(const char* name, std::optional<Expression>* condition, std::string help) {
  add(name, "EXPR", std::move(help), false, [condition, option = written(name)](const std::string& text) {
    if (!text.empty()) condition->emplace(Expression::parse(text, option));
  });
}

void CommandLine::option(const char* name, std::optional<std::chrono::milliseconds>* time, std::string help) {
  add(name, "TIME", std::move(help), false,
      [time, option = written(name)](const std::string& text) { *time = parse_time(option, text); });
}

void CommandLine::add_count(const char* name, const char* takes, long long least, long long most,
                            std::string help, std::function<void(long long)> set) {
  add(name, takes, std::move(help), false,
      [least, most, set = std::move(set), option = written(name)](const std::string& text) {
        set(parse_count(option, text, least, most));
      });
}

void CommandLine::add_choice(const char* name, const std::vector<std::string_view>& words, const char* takes,
                             std::string help, std::function<void(std::size_t)> set) {
  add(name, takes, std::move(help), false,
      [words, set = std::move(set), option = written(name)](const std::string& text) {
        set(parse_choice(option, text, words));
      });
}

void CommandLine::thresholds(ThresholdOptions* thresholds, const std::string& when) {
  option("fail-if", &thresholds->text, "THRESHOLD",
         "exit with code 1 and the reason " + when + ": see heapglass help thresholds");
  flag("missing-ok", &thresholds->missing_ok,
       "with --fail-if: take a type or owner that is not there as 0, rather than exit with code 2");
}

void CommandLine::metrics(MetricsOptions* metrics) {
  option(
      "openmetrics", &metrics->file, "FILE",
      "also write gauges to FILE, a name that ends in .prom, for Prometheus through node_exporter's textfile "
      "collector");
  option("service", &metrics->service, "NAME",
         "the gauges' label `service` (default: the name of the target's program)");
  count("metrics-top", &metrics->top, 0, 1'000'000, "gauges for N types and owners (default 20), 0: all");
}

void CommandLine::add_common() {
  option("format", &common_.format, "NAME", "output as " + format_names());
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
    declared_->adds_to->add_options()("help,h", "print this help");
    return;
  }
  add("freeze", "MODE", "how the target is stopped while its memory is captured. " + freeze_help(), false,
      [this](const std::string& text) { common_.freeze.mode = parse_freeze_mode(text); });
  count("max-pause", &common_.freeze.max_pause_ms, 1, 3'600'000,
        "exit with code 3 rather than stop the target for more than MS milliseconds; the pause is estimated "
        "before the target is stopped, and cut short where the estimate was wrong",
        "MS");
  flag("urgent", &common_.freeze.urgent,
       "copy on all processors while the target is stopped, without leaving time to other processes: a "
       "shorter pause on a busy machine, during which nothing else runs");
  count("nice", &common_.nice, 0, 19,
        "once the target runs again, lower heapglass' priority by N steps of nice (default 10, 0 to 19)");
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
  flag("verbose,v", &common_.verbose, "print on the standard error what was done and how long it took");
  declared_->adds_to->add_options()("help,h", "print this help");
}

bool CommandLine::parse(const std::vector<std::string>& arguments) {
  options::options_description everything, hidden;
  hidden.add_options()("target", options::value(&common_.target))(
      "check-copy", options::bool_switch(&common_.freeze.check_copy));  // for tests
  options::positional_options_description positional;
  positional.add("target", 1);
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
        std::cout << "heapglass " << command_ << (takes_target_ ? " TARGET" : "")
                  << (also_ ? " '" + also_name_ + "'" : "") << (more_ ? " [TARGET...]" : "")
                  << " [options]: " << summary_ << "\n";
        if (!declared_->own.options().empty()) std::cout << "\n" << declared_->own;
        std::cout << "\n" << declared_->shared;
        return false;
      }
    options::store(parsed, values);
    options::notify(values);
  } catch (const options::unknown_option& error) {
    std::vector<std::string> names;
    for (const auto& [name, option] : declared_->by_name) names.push_back("--" + name);
    names.push_back("--help");
    const std::string typed = error.get_option_name();
    const std::string meant = did_you_mean(near_names(typed, names, 3));
    throw Error(ErrorKind::kUsage, command_ + " has no option " + typed, meant.empty() ? see : meant);
  } catch (const options::too_many_positional_options_error&) {
    throw Error(ErrorKind::kUsage, command_ + " takes one target", see);
  } catch (const options::error& error) {
    throw Error(ErrorKind::kUsage, command_ + ": " + error.what(), see);
  }
  if (takes_target_ && common_.target.empty())
    throw Error(ErrorKind::kUsage, command_ + " needs a target: a process id, a core file or a snapshot",
                see);
  for (const auto& [name, option] : declared_->by_name) {
    const options::variable_value& value = values[name];
    if (value.empty()) continue;
    if (option.flag) {
      *option.flag = value.as<bool>();
    } else if (const auto* const many = boost::any_cast<std::vector<std::string>>(&value.value())) {
      for (const std::string& each : *many) option.set(each);
    } else {
      option.set(value.as<std::string>());
    }
  }
  if (!common_.format.empty() && command_ != "export")
    find_format(common_.format);  // before anything is stopped
  return true;
}

}  // namespace heapglass
