// heapglass guard: waits for memory that runs short, and looks before the kernel kills.
#include "lib/guard/guard.h"

#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/guard/describe_guard.h"
#include "lib/report/write_answer.h"
#include "platform/files/regular_file.h"

namespace heapglass {
namespace {

GuardRules read_rules(const std::string& path) {
  constexpr std::size_t kMost = (1 << 20) + 1;
  return parse_guard_rules(RegularFile(path).text(kMost), path);
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
