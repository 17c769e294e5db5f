// heapglass ps: the Python processes of this machine.
#include <iterator>

#include "cmd/command.h"
#include "lib/open/python_processes.h"
#include "lib/report/write_answer.h"

namespace heapglass {
namespace {

// "3 d 4 h", "12 min": two units at most.
std::string age_in_words(double seconds) {
  const auto s = static_cast<unsigned long long>(seconds);
  struct Unit {
    unsigned long long seconds;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
  for (std::size_t i = 0; i < std::size(kUnits); ++i) {
    if (s < kUnits[i].seconds && i + 1 < std::size(kUnits)) continue;
    std::string text = std::to_string(s / kUnits[i].seconds) + " " + kUnits[i].name;
    const bool days_or_hours = i < 2;
    if (const auto rest = s % kUnits[i].seconds / kUnits[i + 1 < std::size(kUnits) ? i + 1 : i].seconds;
        days_or_hours && rest > 0)
      text += " " + std::to_string(rest) + " " + kUnits[i + 1].name;
    return text;
  }
  return "";
}

Table table_of(const PythonProcesses& processes) {
  Table table{.key = "processes",
              .columns = {{"pid", "pid", Kind::kPlainNumber},
                          {"ppid", "parent", Kind::kPlainNumber, Audience::kAll, 3},
                          {"user", "user"},
                          {"python", "Python"},
                          {"reads", "", Kind::kText, Audience::kPrograms},
                          {"why_not", "", Kind::kSentence, Audience::kPrograms},
                          {"rss", "RSS", Kind::kBytes},
                          {"pss", "Pss", Kind::kBytes},
                          {"threads", "threads", Kind::kCount, Audience::kAll, 2},
                          {"age_seconds", "", Kind::kPlainNumber, Audience::kPrograms},
                          {"age", "age", Kind::kText, Audience::kPeople, 1},
                          {"state", "state"},
                          {"container", "container", Kind::kText, Audience::kAll, 4},
                          {"program", "", Kind::kText, Audience::kPrograms},
                          {"command", "command", Kind::kText}}};
  for (const PythonProcess& p : processes.found)
    table.rows.push_back({std::int64_t{p.pid}, std::int64_t{p.parent}, p.user, p.python, p.cannot.empty(),
                          p.cannot.empty() ? Cell() : Cell(p.cannot), p.rss,
                          p.proportional ? Cell(p.proportional) : Cell(), p.threads,
                          static_cast<std::int64_t>(p.age), age_in_words(p.age), p.state,
                          p.container.empty() ? Cell() : Cell(p.container), p.program, p.command});
  for (const PythonProcess& p : processes.found)
    if (!p.cannot.empty()) table.notes.push_back(std::to_string(p.pid) + ": " + p.cannot);
  return table;
}

}  // namespace

int run_ps(const std::vector<std::string>& arguments) {
  CommandLine line("ps", "the Python processes of this machine, embedded ones too", false);
  if (!line.parse(arguments)) return kExitDone;
  const PythonProcesses processes = python_processes({.sharing = true});
  Document document;
  document.fields.push_back(
      {{"looked_at", "", Kind::kCount, Audience::kPrograms}, std::uint64_t{processes.looked_at}});
  document.fields.push_back(
      {{"not_permitted", "", Kind::kCount, Audience::kPrograms}, std::uint64_t{processes.not_permitted}});
  Table table = table_of(processes);
  if (processes.found.empty()) table.notes.push_back("no Python runs here that this user may look at");
  if (processes.not_permitted)
    table.notes.push_back(std::to_string(processes.not_permitted) + " of " +
                          std::to_string(processes.looked_at) +
                          " processes may not be looked at by this user: root, or CAP_SYS_PTRACE, may");
  for (const pid_t pid : processes.unanswered)
    table.notes.push_back("the kernel told nothing of process " + std::to_string(pid) +
                          " within a second: its memory map is locked");
  document.sections.push_back(std::move(table));
  write_document(document, line.common());
  return kExitDone;
}

}  // namespace heapglass
