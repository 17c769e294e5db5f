#include "platform/targets/core_target.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/error.h"
#include "lib/base/page.h"
#include "platform/binaries/elf_file.h"
#include "platform/binaries/mapped_binaries.h"
#include "platform/files/file_guard.h"
#include "platform/files/regular_file.h"
#include "platform/process/system_calls.h"

namespace heapglass {
namespace {

std::uint64_t page_end(std::uint64_t n) { return (n + kPage - 1) / kPage * kPage; }

// The build-id that a mapped program or library carries in its first page, which the kernel writes to every
// core for this end (bit 4 of coredump_filter). Empty: not there.
std::string build_id_in(std::span<const std::byte> start) {
  const auto load = [&](std::uint64_t at, auto& out) {
    if (at > start.size() || sizeof out > start.size() - at) return false;
    std::memcpy(&out, start.data() + at, sizeof out);
    return true;
  };
  Elf64_Ehdr header;
  if (!load(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};
  for (unsigned i = 0; i < header.e_phnum && i < 64; ++i) {
    Elf64_Phdr program;
    if (!load(header.e_phoff + i * sizeof program, program)) return {};
    if (program.p_type != PT_NOTE) continue;
    const std::uint64_t align = std::max<std::uint64_t>(4, std::min<std::uint64_t>(program.p_align, 8));
    const auto padded = [&](std::uint64_t n) { return (n + align - 1) / align * align; };
    for (std::uint64_t at = 0; at < std::min<std::uint64_t>(program.p_filesz, kPage);) {
      Elf64_Nhdr note;
      if (!load(program.p_offset + at, note)) break;
      const std::uint64_t name = program.p_offset + at + sizeof note, id = name + padded(note.n_namesz);
      char gnu[4];
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && load(name, gnu) &&
          std::memcmp(gnu, "GNU", 4) == 0 && note.n_descsz <= 64 && id <= start.size() &&
          note.n_descsz <= start.size() - id) {
        std::string hex;
        for (std::uint64_t b = 0; b < note.n_descsz; ++b) {
          constexpr char kDigits[] = "0123456789abcdef";
          const auto byte = std::to_integer<unsigned>(start[id + b]);
          hex += {kDigits[byte >> 4], kDigits[byte & 15]};
        }
        return hex;
      }
      at += sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
    }
  }
  return {};
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::optional<std::int64_t> CoreTarget::snapshot_time() const {
  struct stat found = {};
  if (stat(path_.c_str(), &found) != 0) return std::nullopt;
  return found.st_mtime;
}

CoreTarget::CoreTarget(const std::string& path, const std::string& sysroot, bool came_by_pipe)
    : path_(path), sysroot_(sysroot), came_by_pipe_(came_by_pipe), held_(std::make_shared<Held>(path)) {
  core_ = parse_core(held_->core.bytes(), came_by_pipe ? "standard input" : path);
  if (came_by_pipe && core_.cut_bytes)
    throw Error(ErrorKind::kFile,
                "the core on standard input is cut: its last " + std::to_string(core_.cut_bytes) +
                    " bytes did not come",
                "did the program that sent it end, or RLIMIT_CORE cut it?");
  align();
  for (CoreSegment& s : core_.segments) {
    if (!s.protection_known) set_protection(s);
    mappings_.push_back(s.mapping);
    if (s.mapping.start <= core_.program_headers && core_.program_headers < s.mapping.end)
      executable_ = s.mapping.path;
  }
  for (const CoreSegment& s : core_.segments) add(s);
  image_->seal();
}

CoreTarget::~CoreTarget() = default;

std::string CoreTarget::name() const {
  return (came_by_pipe_ ? "core" : "core file " + base_name(path_)) +
         (core_.pid ? " of process " + std::to_string(core_.pid) : "");
}

// As the loader maps the file; relocated data that was made read-only afterwards was written to, and so is in
// the core.
void CoreTarget::set_protection(CoreSegment& segment) {
  Mapping& m = segment.mapping;
  const File& file = file_of(m);
  std::string why;
  const auto elf = file.descriptor ? ElfFile::open(file.descriptor.get(), m.path, why) : nullptr;
  if (!elf) return;
  for (const ElfSegment& s : elf->segments())
    if (s.offset / kPage * kPage <= m.file_offset && m.file_offset < page_end(s.offset + s.file_size) &&
        !m.executable) {
      m.executable = s.executable;
      m.writable = s.writable && s.offset <= m.file_offset;
    }
}

// gdb's gcore puts segments wherever the one before ends, and pages of a file can only be mapped from a
// page's start.
void CoreTarget::align() {
  bytes_ = held_->core.bytes().data();
  descriptor_ = held_->core.descriptor();
  std::uint64_t size = 0;
  bool aligned = true;
  for (const CoreSegment& s : core_.segments) {
    aligned &= s.file_size == 0 || s.offset % kPage == 0;
    size += page_end(s.file_size);
  }
  if (aligned || size == 0) return;
  auto fail = [&] {
    throw Error(ErrorKind::kFile,
                "cannot make room for the memory of '" + path_ + "': " + std::strerror(errno));
  };
  held_->aligned = FileDescriptor(memfd_create("heapglass-core", MFD_CLOEXEC));
  if (!held_->aligned || ftruncate(held_->aligned.get(), static_cast<off_t>(size)) != 0) fail();
  void* const at =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, held_->aligned.get(), 0);
  if (at == MAP_FAILED) fail();
  held_->views.emplace_back(at, [size](void* v) { munmap(v, size); });
  auto* const to = static_cast<std::byte*>(at);
  std::uint64_t cursor = 0;
  for (CoreSegment& s : core_.segments) {
    if (s.file_size) std::memcpy(to + cursor, bytes_ + s.offset, s.file_size);
    s.offset = cursor;
    cursor += page_end(s.file_size);
  }
  bytes_ = to;
  descriptor_ = held_->aligned.get();
}

void CoreTarget::add(const CoreSegment& s) {
  const Mapping& m = s.mapping;
  if (!m.readable || m.path == "[vdso]") return;
  const bool heap = m.writable || !m.has_file();
  const std::uint64_t start = value(m.start);
  const std::byte* const dumped = bytes_ + s.offset;
  bytes_there_ += s.file_size;
  auto add_dumped = [&] {
    if (s.file_size == 0) return;
    image_->add({.start = m.start, .size = s.file_size, .bytes = dumped, .heap = heap}, held_);
    backing_.push_back({.start = m.start,
                        .size = page_end(s.file_size),
                        .writable = m.writable,
                        .executable = m.executable,
                        .file = m.has_file(),
                        .descriptor = descriptor_,
                        .offset = s.offset});
  };
  if (s.file_size == m.size()) return add_dumped();
  const File* const file = m.has_file() ? &file_of(m) : nullptr;
  struct stat status {};
  if (!file || !file->descriptor || fstat(file->descriptor.get(), &status) != 0 ||
      static_cast<std::uint64_t>(status.st_size) <= m.file_offset) {
    if (m.writable) bytes_absent_ += m.size() - s.file_size;
    return add_dumped();
  }
  // The file's bytes, and the core's over them where it has some. Beyond the file's end a view faults: cut it
  // there.
  const std::uint64_t size =
      std::min(m.size(), page_end(static_cast<std::uint64_t>(status.st_size) - m.file_offset));
  void* const view = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                          file->descriptor.get(), static_cast<off_t>(m.file_offset));
  if (view == MAP_FAILED) return add_dumped();
  auto guard = guard_file_view(view, size, m.path, OnShrink::kEnd);
  held_->views.emplace_back(view, [size, guard = std::move(guard)](void* v) mutable {
    guard.reset();
    munmap(v, size);
  });
  Backing backing{.start = m.start,
                  .size = size,
                  .writable = m.writable,
                  .executable = m.executable,
                  .file = true,
                  .descriptor = file->descriptor.get(),
                  .offset = m.file_offset};
  auto* const bytes = static_cast<std::byte*>(view);
  for (std::uint64_t at = 0; at < std::min(s.file_size, size); at += kPage) {
    const std::uint64_t n = std::min({kPage, s.file_size - at, size - at});
    if (std::memcmp(bytes + at, dumped + at, n) == 0) continue;
    std::memcpy(bytes + at, dumped + at, n);
    auto& changed = backing.changed;
    if (!changed.empty() && value(changed.back().start) + changed.back().size == start + at) {
      changed.back().size += kPage;
    } else {
      changed.push_back({Address{start + at}, kPage});
    }
  }
  image_->add({.start = m.start, .size = size, .bytes = bytes, .heap = heap}, held_);
  backing_.push_back(std::move(backing));
}

std::string CoreTarget::build_id_of(const Mapping& mapping) const {
  for (const CoreSegment& s : core_.segments)
    if (s.mapping.inode == mapping.inode && s.mapping.file_offset == 0 && s.file_size > 0)
      return build_id_in({bytes_ + s.offset, s.file_size});
  return {};
}

const CoreTarget::File& CoreTarget::file_of(const Mapping& mapping) {
  const auto [at, is_new] = held_->files.try_emplace(mapping.path);
  File& file = at->second;
  if (!is_new) return file;
  const std::string wanted = build_id_of(mapping);
  std::vector<std::string> places = {mapping.path};
  if (!sysroot_.empty()) places.push_back("/" + base_name(mapping.path));
  for (const std::string& place : places) {
    FileDescriptor descriptor = open_regular_file_in(sysroot_, place);
    if (!descriptor) {
      if (file.why_not.empty())
        file.why_not =
            errno == EINVAL ? sysroot_ + place + " is not a regular file" : "there is no " + sysroot_ + place;
      continue;
    }
    std::string why;
    const auto elf = ElfFile::open(descriptor.get(), sysroot_ + place, why);
    const std::string found = elf ? elf->build_id() : std::string();
    if (wanted != found && !(wanted.empty() && !mapping.deleted)) {
      file.why_not = sysroot_ + place + " is of another build (" + (found.empty() ? "no build-id" : found) +
                     ", the core's has " + (wanted.empty() ? "none" : wanted) + ")";
      continue;
    }
    file.descriptor = std::move(descriptor);
    file.why_not.clear();
    return file;
  }
  return file;
}

Binaries CoreTarget::binaries() {
  if (binaries_.empty())
    binaries_ = mapped_binaries(mappings_, executable_, sysroot_, [this](const Mapping& m) {
      const File& file = file_of(m);
      return FileDescriptor(file.descriptor ? fcntl(file.descriptor.get(), F_DUPFD_CLOEXEC, 0) : -1);
    });
  return binaries_;
}

Capture CoreTarget::capture(const SafePoint&) {
  const auto is_code = [&](const std::string& path) {
    return std::any_of(mappings_.begin(), mappings_.end(),
                       [&](const Mapping& m) { return m.executable && m.path == path; });
  };
  Capture capture;
  capture.image = image_;
  capture.mappings = mappings_;
  capture.backing = backing_;
  capture.threads = core_.threads;
  name_restarted_calls(*image_, capture.threads);
  capture.freeze = "core";
  if (const auto written = snapshot_time()) capture.time_ms = *written * 1000;
  capture.bytes_copied = bytes_there_;
  auto megabytes = [](std::uint64_t n) { return std::to_string((n + 999'999) / 1'000'000) + " MB"; };
  if (core_.cut_bytes)
    capture.caveats.push_back({"core-cut", core_.cut_bytes,
                               "the core file is cut: the last " + megabytes(core_.cut_bytes) +
                                   " that its headers promise are not in it, nor are the objects there"});
  if (bytes_absent_)
    capture.caveats.push_back(
        {"core-absent", bytes_absent_,
         megabytes(bytes_absent_) +
             " of writable memory were not written to the core file (coredump_filter, MADV_DONTDUMP)"});
  std::string missing;
  std::vector<std::string> paths;
  unsigned count = 0;
  for (const auto& [path, file] : held_->files)
    if (!file.descriptor && is_code(path) && ++count <= 4) {
      missing += (missing.empty() ? "" : "; ") + path + ": " + file.why_not;
      paths.push_back(path);
    }
  if (count)
    capture.caveats.push_back({"core-files", count,
                               std::to_string(count) +
                                   " files of the core are not to be had here, what only they tell is " +
                                   "missing: " + missing + (count > 4 ? "; and more" : ""),
                               paths});
  return capture;
}

std::vector<std::string> CoreTarget::shrunk_files() const { return heapglass::shrunk_files(); }

void CoreTarget::check() const {
  for (const auto& [path, file] : held_->files) {
    if (file.descriptor) continue;
    if (path == executable_ || base_name(path).starts_with("libpython"))
      throw Error(ErrorKind::kUnreachable,
                  "cannot read " + name() + " without the files that ran: for " + path + ", " + file.why_not,
                  sysroot_.empty() ? "give --sysroot DIR, a folder that has them" : "");
  }
}

}  // namespace heapglass
