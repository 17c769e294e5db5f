#include "lib/guard/action_words.h"

#include <algorithm>

#include "lib/open/heap_push.h"
#include "lib/report/service_name.h"
#include "platform/process/process.h"

namespace heapglass {

std::vector<std::string> snapshot_words(const GuardRule& rule, bool kill_is_near, pid_t pid,
                                        const std::string& freeze, const std::string& file,
                                        const std::string& values) {
  std::vector<std::string> words{"", "snapshot", std::to_string(pid), "-o", file, "--freeze", freeze};
  if (rule.pause.count() > 0) words.insert(words.end(), {"--max-pause", std::to_string(rule.pause.count())});
  if (kill_is_near) words.insert(words.end(), {"--nice", "0"});
  if (values == "none")
    words.emplace_back("--no-values");
  else if (values != "all")
    words.insert(words.end(), {"--cut-values", values});
  return words;
}

PushedAs pushed_as(pid_t pid, const std::string& group) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::string command = read_proc_file(folder + "/cmdline");
  std::replace(command.begin(), command.end(), '\0', ' ');
  while (command.ends_with(' ')) command.pop_back();
  PushedAs as{.service = command.empty() ? "" : service_of(command), .labels = container_labels(group)};
  as.labels.merge(container_labels(read_proc_file(folder + "/cgroup")));
  return as;
}

std::vector<std::string> push_words(const GuardRules& rules, const std::string& snapshot,
                                    const PushedAs& as) {
  std::vector<std::string> words{"", "export", snapshot, "--push", rules.push};
  if (!rules.push_headers.empty()) words.insert(words.end(), {"--push-headers", rules.push_headers});
  if (!as.service.empty()) words.insert(words.end(), {"--service", as.service});
  for (const auto& [name, value] : as.labels) words.insert(words.end(), {"--label", name + "=" + value});
  return words;
}

}  // namespace heapglass
