#include "platform/targets/core_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "lib/base/error.h"
#include "lib/base/page.h"
#include "platform/binaries/inflate.h"
#include "platform/files/file_guard.h"
#include "platform/files/regular_file.h"
#include "platform/process/system_calls.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kUserEnd = std::uint64_t{1} << 47;
constexpr std::size_t kMostSegments = 1 << 20;
constexpr std::size_t kMostFiles = 1 << 20;
constexpr std::size_t kMostThreads = 1 << 17;

// Bounds-checked views into the file.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> all) : all_(all) {}
  std::span<const std::byte> at(std::uint64_t offset, std::uint64_t size) const {
    return offset <= all_.size() && size <= all_.size() - offset ? all_.subspan(offset, size)
                                                                 : std::span<const std::byte>{};
  }
  template <class T>
  std::optional<T> load(std::uint64_t offset) const {
    const auto bytes = at(offset, sizeof(T));
    if (bytes.empty()) return std::nullopt;
    T out;
    std::memcpy(&out, bytes.data(), sizeof out);
    return out;
  }
  std::uint64_t size() const { return all_.size(); }

 private:
  std::span<const std::byte> all_;
};

struct NamedRange {  // an entry of NT_FILE
  std::uint64_t start = 0, end = 0, file_offset = 0;
  std::string path;
};

// NT_FILE: the count and the page size; {start, end, offset in pages} of each; then the names, one after
// another.
std::vector<NamedRange> read_files(const Bytes& note) {
  std::vector<NamedRange> files;
  const auto count = note.load<std::uint64_t>(0), page = note.load<std::uint64_t>(8);
  if (!count || !page || *count > kMostFiles || *page == 0 || *page > 1 << 30) return files;
  std::uint64_t name_at = 16 + *count * 24;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto start = note.load<std::uint64_t>(16 + i * 24), end = note.load<std::uint64_t>(24 + i * 24),
               offset = note.load<std::uint64_t>(32 + i * 24);
    if (!start || !end || !offset || name_at >= note.size()) break;
    const auto rest = note.at(name_at, note.size() - name_at);
    const char* const name = reinterpret_cast<const char*>(rest.data());
    const std::size_t length = ::strnlen(name, rest.size());
    name_at += length + 1;
    if (*end <= *start || *end > kUserEnd || *offset > kUserEnd / *page) continue;
    files.push_back({*start, *end, *offset * *page, std::string(name, std::min<std::size_t>(length, 4096))});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  return files;
}

std::optional<ThreadRegisters> read_thread(const Bytes& note) {
#if defined(__x86_64__)
  const auto status = note.load<elf_prstatus>(0);
  if (!status) return std::nullopt;
  user_regs_struct registers;
  static_assert(sizeof registers == sizeof status->pr_reg);
  std::memcpy(&registers, &status->pr_reg, sizeof registers);
  ThreadRegisters thread{.tid = status->pr_pid,
                         .state = '?',
                         .stack_pointer = Address{registers.rsp},
                         .instruction_pointer = Address{registers.rip},
                         .thread_pointer = Address{registers.fs_base}};
  const auto general = general_registers(registers);
  std::copy(general.begin(), general.end(), thread.general.begin());
  set_system_call(thread, static_cast<long>(registers.orig_rax), registers.rdi);
  return thread;
#else
  return std::nullopt;
#endif
}

std::string text_of(const char* bytes, std::size_t size) {
  std::string text(bytes, ::strnlen(bytes, size));
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

struct Notes {
  std::vector<NamedRange> files;
  Address vdso{};
};

void read_notes(const Bytes& notes, CoreFile& core, Notes& out) {
  // Every name and description is padded to four bytes, whatever p_align says.
  const auto padded = [](std::uint64_t n) { return (n + 3) / 4 * 4; };
  for (std::uint64_t at = 0;;) {
    const auto header = notes.load<Elf64_Nhdr>(at);
    if (!header) return;
    const std::uint64_t name_at = at + sizeof *header, description_at = name_at + padded(header->n_namesz);
    const auto name = notes.at(name_at, header->n_namesz);
    const auto description = notes.at(description_at, header->n_descsz);
    at = description_at + padded(header->n_descsz);
    if (name.size() != header->n_namesz || description.size() != header->n_descsz) return;
    if (name.size() != 5 || std::memcmp(name.data(), "CORE", 5) != 0) continue;
    const Bytes note(description);
    if (header->n_type == NT_PRSTATUS && core.threads.size() < kMostThreads) {
      if (const auto thread = read_thread(note)) core.threads.push_back(*thread);
    } else if (header->n_type == NT_PRPSINFO) {
      if (const auto info = note.load<elf_prpsinfo>(0)) {
        core.pid = info->pr_pid;
        core.command_line = text_of(info->pr_psargs, sizeof info->pr_psargs);
      }
    } else if (header->n_type == NT_AUXV) {
      for (std::uint64_t i = 0; const auto entry = note.load<Elf64_auxv_t>(i); i += sizeof *entry) {
        if (entry->a_type == AT_PHDR) core.program_headers = Address{entry->a_un.a_val};
        if (entry->a_type == AT_SYSINFO_EHDR) out.vdso = Address{entry->a_un.a_val};
      }
    } else if (header->n_type == NT_FILE) {
      out.files = read_files(note);
    }
  }
}

// Throws Error where these are not the first bytes of a core file of this kind of machine.
void check_header(const std::optional<Elf64_Ehdr>& header, const std::string& name) {
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    throw Error(ErrorKind::kUsage, "'" + name + "' is not a core file or a snapshot",
                "give a process id, a core file or a snapshot");
  if (header->e_type != ET_CORE)
    throw Error(ErrorKind::kUsage, "'" + name + "' is a program or library, not a core file",
                "`gcore PID` and the kernel write core files");
#if defined(__x86_64__)
  constexpr unsigned kMachine = EM_X86_64;
#else
  constexpr unsigned kMachine = EM_AARCH64;
#endif
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != kMachine)
    throw Error(ErrorKind::kFile, "'" + name + "' is the core file of another kind of machine (ELF machine " +
                                      std::to_string(header->e_machine) + ")");
}

// A table that is in the file.
struct ProgramHeaders {
  std::uint64_t offset = 0, count = 0;
};
ProgramHeaders program_headers(const Bytes& bytes, const std::string& name) {
  const auto header = bytes.load<Elf64_Ehdr>(0);
  check_header(header, name);
  if (!header) return {};  // that has thrown
  std::uint64_t count = header->e_phnum;
  if (count == PN_XNUM) {  // more than fit: the first section header has their number
    const auto section = bytes.load<Elf64_Shdr>(header->e_shoff);
    count = section ? section->sh_info : 0;
  }
  if (count > kMostSegments || header->e_phentsize != sizeof(Elf64_Phdr) ||
      bytes.at(header->e_phoff, count * sizeof(Elf64_Phdr)).empty())
    throw Error(ErrorKind::kFile,
                "'" + name + "' is damaged: its " + std::to_string(count) + " program headers are not in it",
                "was it copied in full?");
  return {header->e_phoff, count};
}

std::uint64_t bytes_behind(const Bytes& bytes, std::uint64_t offset) {
  return offset < bytes.size() ? bytes.size() - offset : 0;
}

// Puts the segments of a core together, from its program headers and from what NT_FILE tells of files whose
// pages were left out. In order of address.
class CoreSegments {
 public:
  CoreSegments(const Bytes& bytes, const Notes& notes, CoreFile& core)
      : bytes_(bytes), notes_(notes), core_(core), file_(notes.files.begin()) {}

  void add(const Elf64_Phdr& load) {
    if (load.p_vaddr < end_) return;  // overlaps: damaged, or a trick
    add_files(load.p_vaddr);
    end_ = load.p_vaddr + load.p_memsz;
    CoreSegment out;
    Mapping& m = out.mapping;
    m.start = Address{load.p_vaddr};
    m.end = Address{end_};
    m.readable = load.p_flags & PF_R;
    m.writable = load.p_flags & PF_W;
    m.executable = load.p_flags & PF_X;
    if (file_ != notes_.files.end() && file_->start <= load.p_vaddr && load.p_vaddr < file_->end) {
      set_file(m, *file_);
    } else if (!is_null(notes_.vdso) && m.start <= notes_.vdso && notes_.vdso < m.end) {
      m.path = "[vdso]";
    }
    out.offset = load.p_offset;
    out.file_size = std::min(load.p_filesz, load.p_memsz);
    const std::uint64_t there = bytes_behind(bytes_, load.p_offset);
    if (out.file_size > there) {
      core_.cut_bytes += out.file_size - there;
      out.file_size = there / kPage * kPage;
    }
    core_.segments.push_back(std::move(out));
  }

  // What only NT_FILE tells, up to `to`.
  void add_files(std::uint64_t to) {
    for (; file_ != notes_.files.end() && file_->start < to; ++file_) {
      const std::uint64_t from = std::max(file_->start, end_);
      const std::uint64_t until = std::min(file_->end, to);
      if (from < until) {
        CoreSegment out;
        out.mapping.start = Address{from};
        out.mapping.end = Address{until};
        out.mapping.readable = true;
        out.protection_known = false;
        set_file(out.mapping, *file_);
        core_.segments.push_back(std::move(out));
        end_ = until;
      }
      if (file_->end > to) return;
    }
  }

 private:
  void set_file(Mapping& m, const NamedRange& of) {
    m.path = of.path;
    m.file_offset = of.file_offset + (value(m.start) - of.start);
    m.inode = inodes_.try_emplace(m.path, inodes_.size() + 1).first->second;
    constexpr std::string_view kDeleted = " (deleted)";
    if (!m.path.ends_with(kDeleted)) return;
    m.deleted = true;
    m.path.resize(m.path.size() - kDeleted.size());
  }

  const Bytes& bytes_;
  const Notes& notes_;
  CoreFile& core_;
  std::map<std::string, std::uint64_t> inodes_;
  std::uint64_t end_ = 0;  // of the last segment
  std::vector<NamedRange>::const_iterator file_;
};

}  // namespace

CoreBytes::CoreBytes(const std::string& path) {
  FileDescriptor file = open_regular_file(path);
  struct stat status {};
  if (!file && errno == EINVAL)
    throw Error(ErrorKind::kUsage, "'" + path + "' is not a regular file",
                "give a process id or a core file");
  if (!file || fstat(file.get(), &status) != 0)
    throw Error(errno == ENOENT ? ErrorKind::kUsage : ErrorKind::kFile,
                "cannot open '" + path + "': " + std::strerror(errno));
  owned_ = status.st_uid == geteuid();
  unsigned char magic[4] = {};
  const ssize_t got = pread(file.get(), magic, sizeof magic, 0);
  const Compression compression = compression_of(magic, got > 0 ? static_cast<std::size_t>(got) : 0);
  compressed_ = compression != Compression::kNone;
  if (compressed_) {
    fd_ = inflate_to_memory(file.get(), path, compression);
  } else {
    lease_ = end_before_writers(file.get(), path);
    const bool is_written = !lease_ && errno == EAGAIN;
    // What is written to it meanwhile is in the copy or is not.
    fd_ = is_written ? copy_to_memory(file.get(), path) : std::move(file);
  }
  if (fstat(fd_.get(), &status) != 0)
    throw Error(ErrorKind::kFile, "cannot read '" + path + "': " + std::strerror(errno));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < sizeof(Elf64_Ehdr))
    throw Error(ErrorKind::kUsage,
                "'" + path + "' is not a core file: it has " + std::to_string(size) + " bytes",
                "give a process id or a core file");
  void* const at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd_.get(), 0);
  if (at == MAP_FAILED) throw Error(ErrorKind::kFile, "cannot map '" + path + "': " + std::strerror(errno));
  bytes_ = {static_cast<const std::byte*>(at), size};
  guard_ = guard_file_view(at, size, path, OnShrink::kEnd);
}

CoreBytes::~CoreBytes() {
  guard_.reset();
  lease_.reset();
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

CoreFile parse_core(std::span<const std::byte> all, const std::string& name) {
  const Bytes bytes(all);
  const ProgramHeaders table = program_headers(bytes, name);
  CoreFile core;
  Notes notes;
  std::vector<Elf64_Phdr> loads;
  for (std::uint64_t i = 0; i < table.count; ++i) {
    const auto program = bytes.load<Elf64_Phdr>(table.offset + i * sizeof(Elf64_Phdr));
    if (!program) continue;
    if (program->p_type == PT_NOTE) {
      const std::uint64_t there = bytes_behind(bytes, program->p_offset);
      read_notes(Bytes(bytes.at(program->p_offset, std::min<std::uint64_t>(program->p_filesz, there))), core,
                 notes);
    } else if (program->p_type == PT_LOAD && program->p_vaddr < kUserEnd &&
               program->p_memsz <= kUserEnd - program->p_vaddr && program->p_memsz > 0) {
      loads.push_back(*program);
    }
  }
  if (loads.empty())
    throw Error(ErrorKind::kFile, "'" + name + "' has no memory in it", "was it copied in full?");
  std::stable_sort(loads.begin(), loads.end(),
                   [](const auto& a, const auto& b) { return a.p_vaddr < b.p_vaddr; });
  CoreSegments segments(bytes, notes, core);
  for (const Elf64_Phdr& load : loads) segments.add(load);
  segments.add_files(kUserEnd);
  return core;
}

}  // namespace heapglass
