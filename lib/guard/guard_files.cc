#include "lib/guard/guard_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "lib/base/error.h"
#include "lib/base/host_name.h"
#include "lib/render/output.h"
#include "platform/files/regular_file.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestState = 17 << 20;
constexpr char kState[] = "guard.state", kLock[] = "guard.lock";

std::string plain(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text.substr(0, most))
    out += std::isalnum(static_cast<unsigned char>(c)) ||
                   std::string_view("._@+-").find(c) != std::string_view::npos
               ? c
               : '_';
  return out;
}

FileDescriptor lock_of(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw Error(ErrorKind::kFile, "cannot make the folder '" + folder + "': " + std::strerror(errno),
                "make it, or name another one in the line 'folder = '");
  const std::string path = folder + "/" + kLock;
  FileDescriptor lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock)
    throw Error(ErrorKind::kFile, "cannot write to the folder '" + folder + "': " + std::strerror(errno),
                "guard keeps its files there: give it a folder of its own");
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  std::string pid = first_bytes(path, 20);
  pid.resize(std::min(pid.find_first_not_of("0123456789"), pid.size()));
  throw Error(
      ErrorKind::kFile,
      "another guard" + (pid.empty() ? "" : ", process " + pid + ",") + " has the folder '" + folder + "'",
      "end that, or give this one another folder");
}

Ledger read_ledger(const std::string& path, const std::string& boot_id) {
  const FileDescriptor file = open_regular_file(path);
  if (!file && errno == ENOENT) return Ledger(boot_id);
  if (!file)
    throw Error(ErrorKind::kFile, "cannot read the state '" + path + "': " + describe_open_failure(errno));
  return Ledger::parse(first_bytes(file.get(), kLongestState), boot_id, path);
}

}  // namespace

std::string expand_file_name(const std::string& pattern, const std::string& rule, const std::string& subject,
                             pid_t pid, std::time_t when) {
  std::tm utc{};
  gmtime_r(&when, &utc);
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    const char code = pattern[++i];
    const char format[] = {'%', code, '\0'};
    char text[16] = {};
    if (code == 'r')
      out += rule;
    else if (code == 'g')
      out += plain(std::string_view(subject).substr(subject.rfind('/') + 1), 80);
    else if (code == 'p')
      out += std::to_string(pid);
    else if (code == 'h')
      out += plain(host_name(), 64);
    else if (std::string_view("YmdHMS").find(code) != std::string_view::npos &&
             std::strftime(text, sizeof text, format, &utc))
      out += text;
  }
  return plain(out, 200);
}

GuardFiles::GuardFiles(const GuardRules& rules, const std::string& boot_id)
    : rules_(rules), lock_(lock_of(rules.folder)), ledger_(read_ledger(path(kState), boot_id)) {
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock_.get(), 0) != 0 || pwrite(lock_.get(), pid.data(), pid.size(), 0) < 0)
    return;  // a full disk: only a message of another guard needs it
}

std::string GuardFiles::save() const {
  try {
    Output out(path(kState));
    out.stream() << ledger_.text();
    out.commit();
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

std::uint64_t GuardFiles::bytes_of(const std::string& name) const {
  struct stat about {};
  return lstat(path(name).c_str(), &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

std::uint64_t GuardFiles::bytes() const {
  std::uint64_t all = 0;
  for (const Ledger::File& each : ledger_.files()) all += bytes_of(each.name);
  return all;
}

void GuardFiles::remove(const std::string& name) {
  unlink(path(name).c_str());
  ledger_.removed(name);
}

std::vector<std::string> GuardFiles::make_room(std::uint64_t reserved, const std::set<std::string>& in_use) {
  std::vector<std::string> removed;
  const std::uint64_t most = rules_.disk - std::min(rules_.disk, reserved);
  std::uint64_t taken = bytes();
  std::vector<Ledger::File> files = ledger_.files();
  std::stable_partition(files.begin(), files.end(), [](const Ledger::File& each) { return each.is_record; });
  for (const Ledger::File& each : files) {
    const bool is_there = access(path(each.name).c_str(), F_OK) == 0;
    if (!is_there) ledger_.removed(each.name);
    if (!is_there || taken <= most || in_use.contains(each.name)) continue;
    taken -= std::min(taken, bytes_of(each.name));
    if (!each.is_record) removed.push_back(each.name);
    remove(each.name);
  }
  return removed;
}

bool GuardFiles::make_room_for_record(const GuardRule& rule, std::uint64_t expected, std::uint64_t reserved) {
  std::uint64_t of_rule = 0, of_others = 0;
  for (const Ledger::File& each : ledger_.files()) {
    if (!each.is_record)
      of_others += bytes_of(each.name);
    else if (each.rule == rule.name)
      of_rule += bytes_of(each.name);
  }
  const std::vector<Ledger::File> files = ledger_.files();
  for (const Ledger::File& each : files) {
    if (of_rule + expected <= record_room(rule)) break;
    if (!each.is_record || each.rule != rule.name) continue;
    of_rule -= std::min(of_rule, bytes_of(each.name));
    remove(each.name);
  }
  return of_others + reserved <= rules_.disk;
}

}  // namespace heapglass
