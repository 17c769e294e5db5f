#include "platform/binaries/memory_errors.h"

#include <dirent.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "platform/binaries/elf_file.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

constexpr std::string_view kRaises = "PyErr_NoMemory";
constexpr std::size_t kMostThreads = 256;

// Where the code of it is in the file; nothing where the file has none.
std::optional<std::uint64_t> offset_in(const ElfFile& file) {
  std::uint64_t address = 0;
  file.symbols(ElfFile::Table::kDynamic, [&](const ElfSymbol& symbol) {
    if (symbol.name == kRaises) address = symbol.address;
  });
  for (const ElfSegment& each : file.segments())
    if (address != 0 && each.executable && address >= each.address && address - each.address < each.file_size)
      return address - each.address + each.offset;
  return std::nullopt;
}

// The code of the interpreter is in libpython or in the program; where the loader itself was started, in a
// file that is neither.
std::vector<const Mapping*> candidates(const Mappings& mappings, const std::string& executable) {
  constexpr std::size_t kMost = 100;
  const auto rank = [&](const Mapping& each) {
    const std::string name = each.path.substr(each.path.rfind('/') + 1);
    return name.starts_with("libpython") ? 0
           : each.path == executable     ? 1
           : name.starts_with("python")  ? 2
                                         : 3;
  };
  std::vector<const Mapping*> found;
  std::set<std::uint64_t> inodes;
  for (const Mapping& each : mappings)
    if (each.executable && each.has_file() && inodes.insert(each.inode).second) found.push_back(&each);
  std::stable_sort(found.begin(), found.end(),
                   [&](const Mapping* a, const Mapping* b) { return rank(*a) < rank(*b); });
  if (found.size() > kMost) found.resize(kMost);
  return found;
}

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> threads;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(
      opendir(("/proc/" + std::to_string(pid) + "/task").c_str()), closedir);
  while (folder && threads.size() < kMostThreads) {
    const dirent* const each = readdir(folder.get());
    if (!each) break;
    if (each->d_name[0] != '.') threads.push_back(std::atoi(each->d_name));
  }
  return threads;
}

std::uint64_t value_of(const FileDescriptor& counter) {
  std::uint64_t count = 0;
  return ::read(counter.get(), &count, sizeof count) == sizeof count ? count : 0;
}

}  // namespace

std::unique_ptr<MemoryErrorCounter> MemoryErrorCounter::open(pid_t pid, std::string& why) {
  const std::string type = read_proc_file("/sys/bus/event_source/devices/uprobe/type");
  if (type.empty()) {
    why = "this kernel has no uprobes, or /sys is not to be seen";
    return nullptr;
  }
  try {
    const Process process = Process::open(pid);
    const Mappings mappings = process.mappings();
    for (const Mapping* each : candidates(mappings, process.executable())) {
      FileDescriptor file = process.open_mapped_file(*each);
      const auto elf = file ? ElfFile::open(file.get(), each->path, why) : nullptr;
      const auto offset = elf ? offset_in(*elf) : std::nullopt;
      if (!offset) continue;
      std::unique_ptr<MemoryErrorCounter> out(
          new MemoryErrorCounter(pid, std::move(file), *offset,
                                 static_cast<std::uint32_t>(std::strtoul(type.c_str(), nullptr, 10))));
      out->take_new_threads();
      if (!out->threads_.empty()) return out;
      why = errno == EACCES || errno == EPERM ? "counting takes CAP_PERFMON"
                                              : std::string("it cannot be counted: ") + std::strerror(errno);
      return nullptr;
    }
    why = "it has no " + std::string(kRaises) + " yet";
  } catch (const Error& error) {
    why = error.what();
  }
  return nullptr;
}

FileDescriptor MemoryErrorCounter::open_counter(pid_t thread) const {
  // The file itself, whatever stands at its path meanwhile.
  const std::string path = "/proc/self/fd/" + std::to_string(file_.get());
  perf_event_attr counter{};
  counter.type = type_;
  counter.size = sizeof counter;
  counter.uprobe_path = reinterpret_cast<std::uint64_t>(path.c_str());
  counter.probe_offset = offset_;
  return FileDescriptor(
      static_cast<int>(syscall(SYS_perf_event_open, &counter, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

void MemoryErrorCounter::take_new_threads() {
  const std::vector<pid_t> now = threads_of(pid_);
  const std::set<pid_t> there(now.begin(), now.end());
  for (auto at = threads_.begin(); at != threads_.end();) {
    const bool is_there = there.contains(at->first);
    if (!is_there) of_ended_ += value_of(at->second);
    at = is_there ? std::next(at) : threads_.erase(at);
  }
  for (const pid_t thread : now) {
    if (threads_.contains(thread)) continue;
    FileDescriptor counter = open_counter(thread);
    if (counter) threads_.emplace(thread, std::move(counter));
    if (threads_.empty()) return;  // and errno says why
  }
}

std::uint64_t MemoryErrorCounter::count() {
  std::uint64_t all = of_ended_;
  for (const auto& [thread, counter] : threads_) all += value_of(counter);
  return all;
}

}  // namespace heapglass
