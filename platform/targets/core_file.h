// An ELF core file: what it says of the process that it was made from. Layouts: elf.h, sys/procfs.h, and for
// NT_FILE the kernel's fs/binfmt_elf.c (fill_files_note). gdb's gcore writes the same notes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/target/capture.h"
#include "lib/target/mappings.h"
#include "platform/files/file_descriptor.h"

namespace heapglass {

// The bytes of a core file, inflated where it is compressed (gzip, Zstandard).
class CoreBytes {
 public:
  // Throws Error: kUsage where there is no such file or it is no core by its first bytes, kFile where it
  // cannot be read or inflated. The file is mapped, since it may be larger than the memory that there is:
  // where another process writes to it or cuts it short, the program ends with the error that says so.
  explicit CoreBytes(const std::string& path);
  ~CoreBytes();
  CoreBytes(const CoreBytes&) = delete;
  CoreBytes& operator=(const CoreBytes&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  int descriptor() const { return fd_.get(); }  // of the inflated bytes
  bool compressed() const { return compressed_; }
  bool owned_by_caller() const { return owned_; }  // the file's owner is the effective user

 private:
  FileDescriptor fd_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<void> lease_, guard_;
  bool compressed_ = false, owned_ = false;
};

// A mapping of the process and what the core has of it.
struct CoreSegment {
  Mapping mapping;              // inode: a number of ours for its file, 0 where it had none
  std::uint64_t offset = 0;     // in the core
  std::uint64_t file_size = 0;  // bytes from the mapping's start that the core has; less than its size
                                // where the rest was not written to it
  bool protection_known =
      true;  // false: gdb's gcore leaves out what is as in the file, and only NT_FILE tells it
};

struct CoreFile {
  std::vector<CoreSegment> segments;  // in order of address, not overlapping
  std::vector<ThreadRegisters> threads;
  std::int32_t pid = 0;         // NT_PRPSINFO
  std::string command_line;     // its first 80 bytes
  Address program_headers{};    // AT_PHDR: where the program's own headers were mapped
  std::uint64_t cut_bytes = 0;  // promised by the headers, and not there: the file ends before
};

// `name` is for messages. Throws Error kFile: not an ELF core of this kind of machine, or damaged.
CoreFile parse_core(std::span<const std::byte> bytes, const std::string& name);

}  // namespace heapglass
