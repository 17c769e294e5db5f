#include "platform/process/cgroups.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "platform/process/proc_text.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

// A limit of version 1 that is none is the largest number of pages.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;

std::optional<std::uint64_t> number_in(const std::string& path) {
  return parse_cgroup_number(read_proc_file(path));
}

void keep_least(std::optional<std::uint64_t>& least, std::uint64_t limit, std::uint64_t used) {
  const std::uint64_t room = limit > used ? limit - used : 0;
  least = std::min(least.value_or(room), room);
}

bool has_word(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

// Where a hierarchy is mounted: its root as mounted, and the place.
struct Mount {
  std::string root, place, type, options;
};
// The mounts of control groups of either version, in the order of /proc/PID/mountinfo.
std::vector<Mount> cgroup_mounts(const std::string& mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line), after(line.substr(dash + 3));
    std::string skip, source;
    Mount mount;
    before >> skip >> skip >> skip >> mount.root >> mount.place;
    after >> mount.type >> source >> mount.options;
    if (mount.type == "cgroup" || mount.type == "cgroup2") mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::optional<Mount> mount_of(const std::string& mountinfo, const std::string& controller, bool unified) {
  for (Mount& mount : cgroup_mounts(mountinfo))
    if (unified ? mount.type == "cgroup2" : mount.type == "cgroup" && has_word(mount.options, controller))
      return std::move(mount);
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_cgroup_number(const std::string& text) {
  if (text.empty() || !std::isdigit(static_cast<unsigned char>(text[0]))) return std::nullopt;  // "max"
  const std::uint64_t number = std::strtoull(text.c_str(), nullptr, 10);
  return number < kNoLimit ? std::optional(number) : std::nullopt;
}

std::vector<std::string> cgroup_directories(pid_t pid, const std::string& controller) {
  return cgroup_directories(read_proc_file("/proc/" + std::to_string(pid) + "/cgroup"),
                            read_proc_file("/proc/self/mountinfo"), controller);
}

std::vector<std::string> cgroup_directories(const std::string& cgroup, const std::string& mountinfo,
                                            const std::string& controller) {
  std::vector<std::string> directories;
  for (const auto& [controllers, group] : cgroup_lines(cgroup)) {
    if (!controllers.empty() && !has_word(controllers, controller)) continue;
    const auto mount = mount_of(mountinfo, controller, controllers.empty());
    std::string path = group;
    if (!mount || !path.starts_with('/') || path.find("..") != std::string::npos) continue;
    if (mount->root != "/" && (path + "/").starts_with(mount->root + "/")) path.erase(0, mount->root.size());
    while (path.ends_with('/')) path.pop_back();
    while (true) {
      directories.push_back(mount->place + path);
      if (path.empty()) break;
      path.erase(path.rfind('/'));
    }
  }
  return directories;
}

std::vector<CgroupLine> cgroup_lines(const std::string& cgroup) {
  std::vector<CgroupLine> out;
  std::istringstream lines(cgroup);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    out.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return out;
}

std::optional<CgroupLine> cgroup_of_directory(const std::string& directory, const std::string& mountinfo) {
  std::optional<CgroupLine> found;
  std::size_t longest = 0;
  for (const auto& [root, place, type, options] : cgroup_mounts(mountinfo)) {
    if (!(directory + "/").starts_with(place + "/") || place.size() < longest) continue;
    longest = place.size();
    const std::string below = directory.substr(place.size());
    const std::string path = (root == "/" ? "" : root) + below;
    // What of the options is a controller is not told apart: the line of /proc/PID/cgroup has a few of them.
    found = CgroupLine{type == "cgroup2" ? "" : options, path.empty() ? "/" : path};
  }
  return found;
}

std::vector<std::string> container_ids(const std::string& text) {
  constexpr std::size_t kDigits = 64;
  std::vector<std::string> ids;
  std::size_t digits = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool is_digit =
        i < text.size() && std::string_view("0123456789abcdef").find(text[i]) != std::string_view::npos;
    if (is_digit) {
      ++digits;
      continue;
    }
    if (digits == kDigits) ids.push_back(text.substr(i - kDigits, kDigits));
    digits = 0;
  }
  return ids;
}

std::vector<std::string> container_ids_of_mounts(const std::string& mountinfo) {
  std::vector<std::string> ids;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string skip, root, place;
    words >> skip >> skip >> skip >> root >> place;
    // Nothing else: the host itself has mounts for every container.
    if (place != "/etc/hostname" && place != "/etc/hosts" && place != "/etc/resolv.conf") continue;
    for (std::string& id : container_ids(root)) ids.push_back(std::move(id));
  }
  return ids;
}

std::optional<std::uint64_t> memory_room(const std::vector<std::string>& directories) {
  std::optional<std::uint64_t> least;
  for (const std::string& d : directories) {
    for (const char* limit_file : {"/memory.max", "/memory.high", "/memory.limit_in_bytes"}) {
      const auto limit = number_in(d + limit_file);
      if (!limit) continue;
      const bool first_version = std::string(limit_file).ends_with("bytes");
      const std::uint64_t used =
          number_in(d + (first_version ? "/memory.usage_in_bytes" : "/memory.current")).value_or(0);
      // What the kernel drops before it runs short.
      const std::uint64_t cache = number_after(read_proc_file(d + "/memory.stat"),
                                               first_version ? "total_inactive_file " : "inactive_file ");
      keep_least(least, *limit, used - std::min(used, cache));
    }
  }
  return least;
}

std::optional<FrozenGroup> frozen_group(const std::vector<std::string>& directories) {
  std::optional<FrozenGroup> found;
  for (const std::string& d : directories) {
    const std::string state = read_proc_file(d + "/freezer.state");
    if (state.starts_with("FROZEN") || state.starts_with("FREEZING"))
      return FrozenGroup{d, true, state.starts_with("FROZEN")};
    // A group is told as frozen when all of its tasks stand, and is asked to be by its own file or one above.
    const bool all_stand = number_after(read_proc_file(d + "/cgroup.events"), "frozen ") == 1;
    if (!all_stand && !read_proc_file(d + "/cgroup.freeze").starts_with('1')) continue;
    found = FrozenGroup{d, false, all_stand || (found && found->all_stand)};
  }
  return found;
}

std::optional<FrozenGroup> frozen_group(pid_t pid) {
  if (auto found = frozen_group(cgroup_directories(pid, "freezer"))) return found;
  // A container may hide its groups. These are the kernel's functions in which a frozen task stands.
  const std::string stands_in = read_proc_file("/proc/" + std::to_string(pid) + "/wchan");
  if (stands_in == "do_freezer_trap") return FrozenGroup{"", false, true};
  if (stands_in == "__refrigerator") return FrozenGroup{"", true, true};
  return std::nullopt;
}

std::string tell(const FrozenGroup& group) {
  return "its control group is frozen" + (group.directory.empty() ? "" : " (" + group.directory + ")");
}

std::optional<std::uint64_t> task_room(const std::vector<std::string>& directories) {
  std::optional<std::uint64_t> least;
  for (const std::string& d : directories)
    if (const auto limit = number_in(d + "/pids.max"))
      keep_least(least, *limit, number_in(d + "/pids.current").value_or(0));
  return least;
}

}  // namespace heapglass
