// heapglass guard: waits for memory that runs short, and looks before the kernel kills.
#include "lib/guard/guard.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/guard/describe_guard.h"
#include "lib/report/write_answer.h"
#include "platform/files/regular_file.h"

namespace heapglass {
namespace {

// What a rule runs is run with the rights of guard: nobody else may say what that is.
void refuse_programs_of_others(const GuardRules& rules, const std::string& path) {
  const bool runs = std::any_of(rules.rules.begin(), rules.rules.end(),
                                [](const GuardRule& rule) { return !rule.run.empty(); });
  struct stat of {};
  if (!runs || stat(path.c_str(), &of) != 0) return;
  const bool foreign = of.st_uid != 0 && of.st_uid != geteuid();
  // A user's own group has nobody else in it on most systems.
  const mode_t others = geteuid() == 0 ? S_IWGRP | S_IWOTH : S_IWOTH;
  if (!foreign && !(of.st_mode & others)) return;
  throw Error(
      ErrorKind::kUsage,
      path + " has rules that run programs, and " +
          (foreign ? "user " + std::to_string(of.st_uid) + " owns it" : "others than its owner may write it"),
      foreign ? "copy it to a file of your own" : "chmod go-w " + path);
}

GuardRules read_rules(const std::string& path) {
  constexpr std::size_t kMost = (1 << 20) + 1;
  GuardRules rules = parse_guard_rules(RegularFile(path).text(kMost), path);
  refuse_programs_of_others(rules, path);
  return rules;
}

}  // namespace

int run_guard(const std::vector<std::string>& arguments) {
  CommandLine line("guard", "waits for memory that runs short, and takes snapshots before the kernel kills",
                   false);
  std::string rules_file;
  bool check = false;
  line.takes_also("RULES", &rules_file);
  line.flag("check", &check, "say what is wrong in RULES, or what would be watched now and how, and end");
  if (!line.parse(arguments)) return kExitDone;
  if (rules_file.empty())
    throw Error(ErrorKind::kUsage, "guard needs a file of rules",
                "heapglass guard /etc/heapglass/guard.rules; see heapglass help guard");
  if (check) {
    write_document(describe_guard(read_rules(rules_file)), line.common());
    return kExitDone;
  }
  const auto fault_of_rules = [&]() -> std::string {
    try {
      (void)read_rules(rules_file);
      return {};
    } catch (const Error& error) {
      return error.what() + (error.hint().empty() ? "" : " (" + error.hint() + ")");
    }
  };
  int signal = SIGHUP;
  while (signal == SIGHUP) {
    const GuardRules rules = read_rules(rules_file);
    signal = Guard(rules, std::cerr).run(fault_of_rules);
  }
  return signal == SIGINT ? 130 : kExitDone;
}

}  // namespace heapglass
