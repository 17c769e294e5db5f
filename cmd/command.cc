#include "cmd/command.h"

#include <charconv>
#include <iostream>

#include "lib/base/choices.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/render/formats.h"

namespace heapglass {
namespace {

std::string format_names() {
  std::string names;
  for (const Format& f : formats()) names += (names.empty() ? "" : ", ") + std::string(f.name);
  return names;
}

}  // namespace

CommandLine::CommandLine(std::string_view command, std::string_view summary, bool takes_target)
    : command_(command),
      summary_(summary),
      takes_target_(takes_target),
      own_("Options of " + std::string(command)),
      shared_("Common options") {
  auto add = shared_.add_options();
  add("format", options::value(&common_.format)->value_name("NAME"), ("output as " + format_names()).c_str());
  add("output,o", options::value(&common_.output)->value_name("FILE"),
      "write to FILE, which is replaced once all is written; - is the standard output");
  add("mode", options::value(&mode_)->value_name("MODE"),
      "permissions of the files written, such as 0640 so that your group can read them (default 0600 "
      "whatever the umask, because they may hold values of the target)");
  add("csv-raw", options::bool_switch(&common_.csv_raw),
      "CSV with the target's text as it is: no apostrophe before what a spreadsheet would compute, control "
      "characters not escaped");
  add("freeze", options::value(&freeze_)->value_name("MODE"),
      ("how the target is stopped while its memory is captured. " + freeze_help()).c_str());
  add("max-pause", options::value(&max_pause_)->value_name("MS"),
      "exit with code 3 rather than stop the target for more than MS milliseconds; the pause is estimated "
      "before the target is stopped, and cut short where the estimate was wrong");
  add("urgent", options::bool_switch(&common_.freeze.urgent),
      "copy on all processors while the target is stopped, without leaving time to other processes: a "
      "shorter pause on a busy machine, during which nothing else runs");
  add("nice", options::value(&nice_)->value_name("N"),
      "once the target runs again, lower heapglass' priority by N steps of nice (default 10, 0 to 19)");
  add("resolve", options::value(&common_.resolve)->value_name("HOW"),
      "where the references of a type without a known layout come from: run calls the type's own "
      "tp_traverse, in a confined process made from the copy; scan takes each word that is the address of an "
      "object; layout leaves them out; auto (default) is run for targets of your own user, else scan");
  add("sysroot", options::value(&common_.sysroot)->value_name("DIR"),
      "for core files: the folder that has the programs and libraries of the machine that the core was made "
      "on");
  add("exact-bytes", options::bool_switch(&common_.exact_bytes),
      "print sizes to the byte: 12,345,678 instead of 12.3 MB");
  add("verbose,v", options::bool_switch(&common_.verbose),
      "print on the standard error what was done and how long it took");
  add("help,h", "print this help");
}

std::vector<const options::option_description*> CommandLine::all() const {
  std::vector<const options::option_description*> out;
  for (const auto* group : {&own_, &shared_})
    for (const auto& o : group->options()) out.push_back(o.get());
  return out;
}

std::string CommandLine::help() const {
  std::ostringstream out;
  out << "heapglass " << command_ << (takes_target_ ? " TARGET" : "")
      << (also_ ? " '" + also_name_ + "'" : "") << (more_ ? " [TARGET...]" : "") << " [options]: " << summary_
      << "\n";
  if (!own_.options().empty()) out << "\n" << own_;
  out << "\n" << shared_;
  return out.str();
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
  everything.add(own_).add(shared_).add(hidden);
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
        std::cout << help();
        return false;
      }
    options::store(parsed, values);
    options::notify(values);
  } catch (const options::unknown_option& error) {
    std::vector<std::string> names;
    for (const auto* o : all()) names.push_back("--" + o->long_name());
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
  if (!common_.format.empty() && command_ != "export")
    find_format(common_.format);  // before anything is stopped
  parse_choice("--resolve", common_.resolve, {"auto", "layout", "run", "scan"});
  if (!mode_.empty()) common_.mode = parse_file_mode(mode_);
  common_.freeze.mode = parse_freeze_mode(freeze_);
  common_.nice = static_cast<int>(parse_count("--nice", nice_, 0, 19));
  if (!max_pause_.empty())
    common_.freeze.max_pause_ms = static_cast<double>(parse_count("--max-pause", max_pause_, 1, 3'600'000));
  return true;
}

long long parse_count(std::string_view option, const std::string& text, long long least, long long most) {
  long long n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < least || n > most)
    throw Error(ErrorKind::kUsage, "invalid " + std::string(option) + " '" + text +
                                       "': use a whole number from " + std::to_string(least) + " to " +
                                       std::to_string(most));
  return n;
}

FileMode parse_file_mode(const std::string& text) {
  constexpr unsigned kOwnerWrites = 0200, kMost = 0666;
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || (mode & ~kMost) || !(mode & kOwnerWrites))
    throw Error(ErrorKind::kUsage, "invalid --mode '" + text + "': use an octal number such as 0640",
                "the owner has to be able to write, and nobody to execute");
  return {static_cast<mode_t>(mode), true};
}

std::optional<Expression> parse_expression(const std::string& text, std::string_view option) {
  if (text.empty()) return std::nullopt;
  return Expression::parse(text, option);
}

Address parse_address(const std::string& text) {
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
                "invalid --id '" + text + "': use an address as id() or heapglass objects print it",
                "139872341 or 0x8565355");
  return Address{a};
}

}  // namespace heapglass
