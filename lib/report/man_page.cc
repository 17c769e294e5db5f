#include "lib/report/man_page.h"

#include <algorithm>
#include <sstream>

namespace heapglass {
namespace {

// Text of one line: what roff would take for a request or an escape is not one.
std::string roff(std::string_view text) {
  std::string escaped;
  if (text.starts_with('.') || text.starts_with('\'')) escaped = "\\&";
  for (const char c : text) {
    if (c == '\\')
      escaped += "\\e";
    else if (c == '-')
      escaped += "\\-";
    else if (c == '\'')
      escaped += "\\(aq";
    else if (c == '`')
      escaped += "\\(ga";
    else if (c == '~')
      escaped += "\\(ti";
    else if (c == '^')
      escaped += "\\(ha";
    else
      escaped += c;
  }
  return escaped;
}

std::string head(const std::string& name, std::string_view version, std::string_view summary) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return ".TH " + roff(upper) + " 1 \"\" \"heapglass " + std::string(version) +
         "\" \"User Commands\"\n.SH NAME\n" + roff(name) + " \\- " + roff(summary) + "\n";
}

std::string as_it_stands(const std::string& text) {
  std::string lines = ".nf\n";
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);) lines += roff(line) + "\n";
  return lines + ".fi\n";
}

std::string options_of(const CommandDescription& command, bool common) {
  std::string text;
  for (const OptionDescription& option : command.options) {
    if (option.common != common) continue;
    text += ".TP\n";
    if (!option.letter.empty()) text += "\\fB\\-" + roff(option.letter) + "\\fR, ";
    text += "\\fB\\-\\-" + roff(option.name) + "\\fR";
    if (!option.takes.empty()) text += " \\fI" + roff(option.takes) + "\\fR";
    text += "\n" + roff(option.help) + "\n";
  }
  return text;
}

}  // namespace

std::string man_page(const CommandDescription& command, std::string_view version) {
  std::string text = head("heapglass-" + command.name, version, command.summary);
  text += ".SH SYNOPSIS\n\\fBheapglass " + roff(command.name) + "\\fR";
  for (const std::string& operand : command.operands) text += " \\fI" + roff(operand) + "\\fR";
  if (command.more_targets) text += " [\\fITARGET\\fR...]";
  text += " [options]\n";
  for (const bool common : {false, true})
    if (const std::string options = options_of(command, common); !options.empty())
      text += std::string(".SH ") + (common ? "COMMON OPTIONS" : "OPTIONS") + "\n" + options;
  text += ".SH EXIT STATUS\n" + as_it_stands(exit_code_help());
  return text + ".SH SEE ALSO\n\\fBheapglass\\fR(1)\n";
}

std::string man_page(const MainPage& page, std::string_view version) {
  std::string text = head("heapglass", version, "reads the heap of a running CPython process from outside");
  text += ".SH SYNOPSIS\n\\fBheapglass\\fR \\fICOMMAND TARGET\\fR [options]\n.SH DESCRIPTION\n" +
          roff(page.introduction) + "\n.SH COMMANDS\n";
  for (const auto& [name, summary] : page.commands)
    text += ".TP\n\\fB" + roff(name) + "\\fR\n" + roff(summary) + "; see \\fBheapglass\\-" + roff(name) +
            "\\fR(1)\n";
  for (const auto& [heading, subject] : page.subjects)
    text += ".SH " + roff(heading) + "\n" + as_it_stands(subject);
  return text + ".SH EXIT STATUS\n" + as_it_stands(exit_code_help());
}

std::string exit_code_help() {
  return R"help(  0        done
  1        a threshold of --fail-if, or --timeout of a query, was exceeded
  2        the command line is wrong
  3        the process cannot be reached: no such process, no permission, it went away, its pause would be
           longer than --max-pause; or heapglass has too little memory or too few threads for it
  4        it is not a Python that heapglass reads
  5        a file is damaged or cannot be written, or a profile was not taken
  70       an internal error, which says what to report
  128 + N  signal N ended heapglass; 130 for Ctrl-C
Of several processes (--family and the like): that of the first that failed, else 1 where one exceeded a threshold.
)help";
}

}  // namespace heapglass
