#include "lib/open/snapshot_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "lib/base/error.h"
#include "lib/base/host_name.h"
#include "lib/render/unfinished.h"
#include "lib/snapshot/snapshot_file.h"
#include "platform/files/regular_file.h"

namespace heapglass {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits that a directive stands for; 0: as many as there are.
std::size_t width_of(char directive) { return directive == 'Y' ? 4 : directive == 'p' ? 0 : 2; }

struct Found {
  std::string path;
  timespec modified{};
};

bool newer(const Found& a, const Found& b) {
  if (a.modified.tv_sec != b.modified.tv_sec) return a.modified.tv_sec > b.modified.tv_sec;
  if (a.modified.tv_nsec != b.modified.tv_nsec) return a.modified.tv_nsec > b.modified.tv_nsec;
  return a.path > b.path;
}

bool is_snapshot_file(const std::string& path) {
  const std::string first = first_bytes(path, 8);
  return SnapshotFile::is_snapshot(std::as_bytes(std::span(first)));
}

}  // namespace

SnapshotNames::SnapshotNames(const std::string& pattern) {
  const std::size_t slash = pattern.rfind('/');
  folder_ = slash == std::string::npos ? "." : pattern.substr(0, slash + 1);
  file_ = slash == std::string::npos ? pattern : pattern.substr(slash + 1);
  host_ = host_name();
  std::replace(host_.begin(), host_.end(), '/', '_');
  for (std::size_t i = 0; i < file_.size(); ++i) {
    if (file_[i] != '%') continue;
    is_pattern_ = true;
    ++i;
    if (i == file_.size() || std::string_view("YmdHMSph%").find(file_[i]) == std::string_view::npos)
      throw Error(ErrorKind::kUsage, "'" + pattern + "' has a % that stands for nothing",
                  "%Y %m %d %H %M %S, %p the process id, %h the machine, %% a percent sign");
  }
}

std::string SnapshotNames::name(std::time_t when, std::int32_t pid) const {
  std::tm local{};
  localtime_r(&when, &local);
  std::string out = folder_ == "." ? "" : folder_;
  for (std::size_t i = 0; i < file_.size(); ++i) {
    if (file_[i] != '%') {
      out += file_[i];
      continue;
    }
    const char directive = file_[++i];
    if (directive == 'p') {
      out += std::to_string(pid);
    } else if (directive == 'h') {
      out += host_;
    } else if (directive == '%') {
      out += '%';
    } else {
      char text[16];
      const char format[] = {'%', directive, 0};
      out.append(text, std::strftime(text, sizeof text, format, &local));
    }
  }
  return out;
}

bool SnapshotNames::matches(const std::string& file) const {
  std::size_t at = 0;
  auto take = [&](std::string_view text) {
    if (file.compare(at, text.size(), text) != 0) return false;
    at += text.size();
    return true;
  };
  for (std::size_t i = 0; i < file_.size(); ++i) {
    if (file_[i] != '%') {
      if (!take(std::string_view(&file_[i], 1))) return false;
      continue;
    }
    const char directive = file_[++i];
    if (directive == '%' || directive == 'h') {
      if (!take(directive == '%' ? std::string_view("%") : std::string_view(host_))) return false;
      continue;
    }
    const std::size_t width = width_of(directive);
    std::size_t digits = 0;
    while (at + digits < file.size() && is_digit(file[at + digits]) && (width == 0 || digits < width))
      ++digits;
    if (digits == 0 || (width && digits != width)) return false;
    at += digits;
  }
  return at == file.size();
}

void SnapshotNames::rotate(std::size_t keep, double days, const std::string& written) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> all(opendir(folder_.c_str()), closedir);
  if (!all) return;
  remove_abandoned(dirfd(all.get()));
  const std::string before = folder_ == "." ? "" : folder_;
  const std::time_t now = std::time(nullptr);
  std::vector<Found> found;
  while (const dirent* each = readdir(all.get())) {
    const std::string file = each->d_name, path = before + file;
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (matches(file) && path != written && is_snapshot_file(path)) {
      found.push_back({path, status.st_mtim});
    }
  }
  std::sort(found.begin(), found.end(), newer);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool too_many = keep > 0 && i + 1 >= keep;  // the one just written counts
    const bool too_old = days >= 0 && static_cast<double>(now - found[i].modified.tv_sec) > days * 86400;
    if (too_many || too_old) unlink(found[i].path.c_str());
  }
}

FileDescriptor SnapshotNames::lock() const {
  // FNV-1a, so that each pattern has a lock of its own.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : file_) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char name[64];
  std::snprintf(name, sizeof name, ".heapglass-lock-%016llx", static_cast<unsigned long long>(hash));
  const std::string path = (folder_ == "." ? "" : folder_) + name;
  FileDescriptor fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd)
    throw Error(ErrorKind::kFile, "cannot lock '" + path + "': " + std::strerror(errno),
                errno == ENOENT ? "make the directory first" : "");
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    throw Error(ErrorKind::kFile,
                "another run is writing a snapshot of the same name pattern '" + file_ + "'",
                "this one took none; ask for them less often");
  return fd;
}

}  // namespace heapglass
