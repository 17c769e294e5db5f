// Makes and reads core files: for the tests and the fuzz target.
#pragma once

#include <elf.h>
#include <sys/procfs.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "platform/targets/core_file.h"

namespace heapglass {

// A core file as the kernel lays one out, of one thread: program headers, notes, then the bytes of two
// mappings.
class MadeCore {
 public:
  struct File {
    std::uint64_t start, end, page_offset;
    std::string path;
  };
  std::vector<Elf64_Phdr> loads;
  std::vector<File> files;
  std::int32_t pid = 4711;
  std::string arguments = "python3 service.py ";

  std::vector<std::byte> bytes() const {
    std::vector<std::byte> notes;
    elf_prstatus status{};
    status.pr_pid = pid;
    add_note(notes, NT_PRSTATUS, &status, sizeof status);
    elf_prpsinfo info{};
    info.pr_pid = pid;
    std::memcpy(info.pr_psargs, arguments.data(), std::min(arguments.size(), sizeof info.pr_psargs));
    add_note(notes, NT_PRPSINFO, &info, sizeof info);
    const Elf64_auxv_t auxv[] = {{AT_PHDR, {0x400040}}, {AT_SYSINFO_EHDR, {0x7fff1000}}, {AT_NULL, {0}}};
    add_note(notes, NT_AUXV, auxv, sizeof auxv);
    std::vector<std::byte> list;
    const std::uint64_t head[] = {files.size(), 4096};
    append(list, head, sizeof head);
    for (const File& f : files) append(list, &f, 3 * sizeof(std::uint64_t));
    for (const File& f : files) append(list, f.path.c_str(), f.path.size() + 1);
    add_note(notes, NT_FILE, list.data(), list.size());

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_CORE;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(loads.size() + 1);
    Elf64_Phdr note{};
    note.p_type = PT_NOTE;
    note.p_offset = sizeof header + (loads.size() + 1) * sizeof note;
    note.p_filesz = notes.size();
    std::vector<std::byte> out;
    append(out, &header, sizeof header);
    append(out, &note, sizeof note);
    std::uint64_t at = (note.p_offset + notes.size() + 4095) / 4096 * 4096;
    for (Elf64_Phdr load : loads) {
      load.p_type = PT_LOAD;
      load.p_offset = at;
      at += load.p_filesz;
      append(out, &load, sizeof load);
    }
    out.insert(out.end(), notes.begin(), notes.end());
    out.resize(at);
    return out;
  }

  void add_load(std::uint64_t start, std::uint64_t file_size, std::uint64_t size, unsigned flags) {
    Elf64_Phdr load{};
    load.p_vaddr = start;
    load.p_filesz = file_size;
    load.p_memsz = size;
    load.p_flags = flags;
    loads.push_back(load);
  }

 private:
  static void append(std::vector<std::byte>& to, const void* from, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(from);
    to.insert(to.end(), bytes, bytes + size);
  }
  static void add_note(std::vector<std::byte>& to, unsigned type, const void* description, std::size_t size) {
    const Elf64_Nhdr header{5, static_cast<Elf64_Word>(size), type};
    append(to, &header, sizeof header);
    append(to, "CORE\0\0\0", 8);
    append(to, description, size);
    to.resize((to.size() + 3) / 4 * 4);
  }
};

// Reads any bytes as a core; true where they were taken for one. What is told is held to what can be.
inline bool exercise_core(std::span<const std::byte> bytes) {
  try {
    const CoreFile core = parse_core(bytes, "input");
    Address end{};
    for (const CoreSegment& s : core.segments) {
      if (s.mapping.start < end || s.mapping.end <= s.mapping.start || s.file_size > s.mapping.size())
        __builtin_trap();
      if (s.file_size && (s.offset > bytes.size() || s.file_size > bytes.size() - s.offset)) __builtin_trap();
      end = s.mapping.end;
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace heapglass
