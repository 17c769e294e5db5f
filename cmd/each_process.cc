// --family, --cgroup, --container, --user, --all: a command for each of several processes, one after the
// other, each in a process of its own; and one answer of all.
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cmd/command.h"
#include "cmd/failure.h"
#include "lib/base/error.h"
#include "lib/base/progress.h"
#include "lib/export/exporter.h"
#include "lib/memory/private_bytes.h"
#include "lib/open/family_sharing.h"
#include "lib/open/forked_answer.h"
#include "lib/open/process_selection.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"
#include "lib/render/progress_line.h"
#include "lib/render/utf8.h"
#include "lib/render/write_report.h"
#include "lib/report/family_report.h"
#include "lib/report/processes_report.h"

namespace heapglass {
namespace {

// Most command lines have none of these, and are parsed once.
bool may_select(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& word) {
    for (const std::string_view option : {"--family", "--cgroup", "--container", "--user", "--all"})
      if (word == option || word.starts_with(std::string(option) + "=")) return true;
    return false;
  });
}

// Every "%p" of a file's name is the process' id.
std::string with_pid(std::string pattern, pid_t pid) {
  const std::string number = std::to_string(pid);
  for (std::size_t at = 0; (at = pattern.find("%p", at)) != std::string::npos; at += number.size())
    pattern.replace(at, 2, number);
  return pattern;
}

void send(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = write(to, bytes.data(), bytes.size());
    if (sent <= 0) return;  // nobody waits for it any more
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// The lines of a process' standard error, each with its id.
void repeat_errors(pid_t pid, std::string_view text) {
  constexpr std::string_view kOwn = "heapglass: ";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.starts_with(kOwn)) line.remove_prefix(kOwn.size());
    std::cerr << kOwn << "process " << pid << ": " << line << "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Its first line, without the program's name.
std::string first_line(std::string_view text) {
  constexpr std::string_view kOwn = "heapglass: ";
  if (text.starts_with(kOwn)) text.remove_prefix(kOwn.size());
  return std::string(text.substr(0, text.find('\n')));
}

class EachProcess {
 public:
  EachProcess(const Command& command, const std::vector<std::string>& arguments, SeveralProcesses several)
      : command_(command), arguments_(arguments), several_(std::move(several)) {
    choose_format();
  }

  int run() {
    const SelectedProcesses selected = select_processes(several_.selection);
    begin_report(selected);
    if (selected.processes.empty()) refuse(selected);
    if (files_ && selected.processes.size() > 1 && several_.output.output.find("%p") == std::string::npos &&
        !takes_many())
      throw Error(ErrorKind::kUsage,
                  std::string(command_.name) + " of several processes needs a file for each of them",
                  "give a name with %p for the process' id, as -o 'svc-%p" +
                      std::string(command_.name == "report"   ? ".html'"
                                  : command_.name == "export" ? "'"
                                                              : ".hg'"));
    read_sharing_of(selected);
    start_progress_line();
    for (const SelectedProcess& each : selected.processes) {
      expect_rounds(report_.answers.size(), selected.processes.size());
      report_.answers.push_back(answer_of(each));
    }
    end_progress_line();
    if (!members_.empty()) add_family_bill(members_, by_frames_, report_.more);
    return finish();
  }

 private:
  bool takes_many() const {
    if (several_.sends && several_.output.output.empty()) return true;
    return command_.name == "export" && !several_.output.format.empty() &&
           find_export_format(several_.output.format).takes_many;
  }

  void choose_format() {
    files_ = several_.answer == AnswerKind::kFile && several_.output.format != "json";
    if (files_) return;
    const Format* const asked = format_asked_for(several_.output);
    if (asked) format_ = asked->name;
    if (format_ != "text" && format_ != "json" && format_ != "csv")
      throw Error(ErrorKind::kUsage,
                  "the answers of several processes are text, JSON or CSV, and no " + format_,
                  "give one process for a " + format_);
  }

  void begin_report(const SelectedProcesses& selected) {
    report_.what = selected.what;
    report_.not_permitted = selected.not_permitted;
    for (const LeftOutProcess& each : selected.left_out)
      report_.left_out.push_back({each.pid, each.command, each.why});
  }

  // Of `memory`, before any of them is stopped.
  void read_sharing_of(const SelectedProcesses& selected) {
    if (command_.name != "memory") return;
    std::vector<pid_t> pids;
    pids.reserve(selected.processes.size());
    for (const SelectedProcess& each : selected.processes) pids.push_back(each.process.pid);
    const FamilySharing sharing = read_family_sharing(pids);
    by_frames_ = sharing.by_frames;
    for (std::size_t i = 0; i < pids.size(); ++i)
      members_.push_back(
          {.sharing = sharing.members[i], .master = selected.processes[i].master, .its_pages = {}});
  }

  [[noreturn]] void refuse(const SelectedProcesses& selected) const {
    std::string why;
    constexpr std::size_t kMost = 4;
    for (std::size_t i = 0; i < std::min(kMost, selected.left_out.size()); ++i)
      why += (i ? "; " : "") + std::to_string(selected.left_out[i].pid) + " (" +
             selected.left_out[i].command + "): " + selected.left_out[i].why;
    if (selected.not_permitted)
      why += (why.empty() ? "" : "; ") + std::to_string(selected.not_permitted) +
             " processes may not be looked at by this user";
    throw Error(ErrorKind::kNotPython, "there is no Python that heapglass reads in " + selected.what, why);
  }

  ProcessAnswer answer_of(const SelectedProcess& selected) {
    const PythonProcess& process = selected.process;
    ProcessAnswer answer{.pid = process.pid,
                         .master = selected.master,
                         .command = process.command,
                         .rss = process.rss,
                         .pss = process.proportional};
    OneOfSeveral one{
        .selected = selected, .format = files_ ? several_.output.format : format_, .output = "-"};
    // A snapshot's name is a pattern, which the command itself knows; its older files are found by it.
    if (files_)
      one.output = command_.name == "snapshot" ? several_.output.output
                                               : with_pid(several_.output.output, process.pid);
    if (!files_ && (several_.output.output.empty() || several_.output.output == "-"))
      one.shown_on = Output("").look();
    if (!is_still(selected)) return failed(std::move(answer), "it ended before it was looked at");
    ForkedAnswer forked;
    try {
      forked = answer_in_fork([&](int facts) { return run_in_child(one, facts); });
    } catch (const Error& error) {
      return failed(std::move(answer), error.what());
    }
    answer.code = forked.code;
    if (forked.code != kExitDone && forked.code != kExitExceeded) {
      repeat_errors(process.pid, forked.err);
      return failed(std::move(answer),
                    forked.err.empty() ? "exit code " + std::to_string(forked.code) : first_line(forked.err),
                    forked.code);
    }
    repeat_errors(process.pid, forked.err);
    // What is there now under this pid began before it was looked at, or is another.
    if (kill(process.pid, 0) == 0 && !is_still(selected))
      return failed(std::move(answer), "it ended, and its pid was given to another process");
    answer.out = std::move(forked.out);
    answer.facts = decode_facts(forked.facts);
    for (FamilyMember& member : members_)
      if (member.sharing.pid == process.pid) member.its_pages = decode_private(forked.facts);
    if (files_) answer.file = with_pid(several_.output.output, process.pid);
    return answer;
  }

  static ProcessAnswer failed(ProcessAnswer answer, std::string why,
                              int code = static_cast<int>(ErrorKind::kUnreachable)) {
    answer.why = std::move(why);
    answer.code = code;
    return answer;
  }

  // As main() ends: see there.
  int run_in_child(OneOfSeveral& one, int facts) const {
    one.on_answer = [facts](const Document& document, std::uint64_t objects) {
      send(facts, encode(facts_of(document, objects)));
    };
    one.on_private_bytes = [facts](const PrivateBytes& bytes, bool has_immortal_objects) {
      send(facts, encode(bytes, has_immortal_objects));
    };
    int code;
    try {
      report_crashes();
      code = run_for_one(command_, arguments_, one);
    } catch (...) {
      code = report_failure(std::current_exception());
    }
    std::cout.flush();
    std::cerr.flush();
    if (OutputKeeper* const keeper = OutputKeeper::active()) keeper->end();
    return code;
  }

  // A fault of the command line is told once, not for each process.
  int finish() {
    int code = kExitDone;
    bool any_exceeded = false;
    for (const ProcessAnswer& each : report_.answers) {
      any_exceeded |= each.code == kExitExceeded;
      if (!each.why.empty() && code == kExitDone) code = each.code;
    }
    const bool none = std::none_of(report_.answers.begin(), report_.answers.end(),
                                   [](const ProcessAnswer& each) { return each.why.empty(); });
    if (none) return code;
    Output output(files_ ? "" : several_.output.output, several_.output.mode);
    RenderOptions options{.exact_bytes = several_.output.exact_bytes};
    take_look(options, output.look(), several_.output.color);
    write_processes(report_, files_ ? "text" : format_, options, output.stream());
    output.commit();
    return code != kExitDone ? code : any_exceeded ? kExitExceeded : kExitDone;
  }

  const Command& command_;
  const std::vector<std::string>& arguments_;
  const SeveralProcesses several_;
  std::string format_ = "text";
  bool files_ = false;  // each answer is a file of its own
  ProcessesReport report_;
  std::vector<FamilyMember> members_;  // of `memory`
  bool by_frames_ = true;
};

}  // namespace

std::optional<int> run_for_processes(const Command& command, const std::vector<std::string>& arguments) {
  if (!may_select(arguments)) return std::nullopt;
  auto several = selection_of(command, arguments);
  if (!several) return std::nullopt;
  return EachProcess(command, arguments, std::move(*several)).run();
}

}  // namespace heapglass
