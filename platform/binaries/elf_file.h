// A 64-bit little-endian ELF file: its headers, sections and symbols. The file is hostile input: whatever its
// bytes, one gets an error or an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/target/mappings.h"
#include "platform/files/file_descriptor.h"

namespace heapglass {

struct ElfSegment {  // a PT_LOAD program header
  std::uint64_t offset = 0;
  std::uint64_t address = 0;  // as linked: add the load bias
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
};

struct ElfSection {
  std::string_view name;      // valid as long as the ElfFile
  std::uint64_t address = 0;  // as linked; 0 where it is not loaded
  std::uint64_t size = 0;     // as stored: compressed sections grow
  std::uint64_t offset = 0;
  bool has_bytes = true;    // false: .bss, and whatever a separate debug file leaves out
  bool compressed = false;  // SHF_COMPRESSED
};

struct ElfSymbol {
  std::string_view name;      // valid as long as the ElfFile
  std::uint64_t address = 0;  // as linked
  std::uint64_t size = 0;
  bool local = false;
};

struct ElfDebugLink {  // .gnu_debuglink: the separate debug file
  std::string name;    // no directory
  std::uint32_t crc = 0;
};

// .gnu_debugaltlink, or .debug_sup of DWARF 5: the file that dwz -m moved shared debug information to.
struct ElfAltLink {
  std::string name;  // a path, absolute or from the directory of the file with the link
  std::string id;    // hex
};

// The bytes of a section, inflated where they are compressed. Borrows from the ElfFile or owns.
class SectionBytes {
 public:
  SectionBytes() = default;
  explicit SectionBytes(std::span<const std::byte> borrowed) : bytes_(borrowed) {}
  SectionBytes(std::shared_ptr<const std::byte> owned, std::size_t size)
      : owned_(std::move(owned)), bytes_(owned_.get(), size) {}
  std::span<const std::byte> bytes() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::shared_ptr<const std::byte> owned_;
  std::span<const std::byte> bytes_;
};

class ElfFile {
 public:
  // nullptr, and `why` says so: no such file, not a regular file, not ELF, not 64-bit little-endian.
  // What is asked for is read then, once, into memory of ours: whoever writes to the file or cuts it short
  // meanwhile changes what is found, and nothing that was checked already.
  static std::shared_ptr<const ElfFile> open(const std::string& path, std::string& why);
  // `name` is for messages only, so that /proc/PID/root/usr/bin/python can be shown as /usr/bin/python. The
  // descriptor stays the caller's.
  static std::shared_ptr<const ElfFile> open(int fd, std::string name, std::string& why);
  // `bytes` are borrowed.
  static std::shared_ptr<const ElfFile> from_memory(std::span<const std::byte> bytes, std::string name,
                                                    std::string& why);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  const std::string& name() const { return name_; }
  std::uint64_t size() const { return bytes_.size(); }
  std::uint16_t type() const { return type_; }        // e_type
  std::uint16_t machine() const { return machine_; }  // e_machine
  bool fixed_address() const;                         // ET_EXEC: not position independent
  bool relocatable() const;                           // ET_REL: the output of a compiler, not of a linker

  const std::vector<ElfSegment>& segments() const { return segments_; }
  const std::vector<ElfSection>& sections() const { return sections_; }
  const ElfSection* section(std::string_view name) const;        // nullptr: none
  SectionBytes read(const ElfSection&, std::string& why) const;  // empty, and `why` is set, on error
  SectionBytes read(std::string_view section_name) const;        // empty where there is none, or on error

  // Gives the memory of the debug sections read so far back to the system: what read() gave of them is zeros
  // then. They come again when they are read again.
  void release_debug_sections() const;

  std::string build_id() const;  // lower-case hex; "" where there is none
  std::optional<ElfDebugLink> debug_link() const;
  std::optional<ElfAltLink> debug_alt_link() const;
  std::string alt_id() const;  // what the links to this file have as `id`
  std::uint32_t crc() const;   // of the whole file, as .gnu_debuglink wants it; 0 where it cannot be read

  // Calls `each` for the defined symbols that have an address, in the order of the table.
  enum class Table { kDynamic, kFull };  // .dynsym, .symtab
  void symbols(Table, const std::function<void(const ElfSymbol&)>& each) const;

  // What the loader added to the file's addresses; nullopt where `mappings` do not show the file as loaded.
  // `of_file` is any one of the file's mappings.
  std::optional<std::uint64_t> load_bias(const Mappings& mappings, const Mapping& of_file) const;

 private:
  ElfFile() = default;
  bool parse(std::string& why);
  bool load_headers(std::string& why) const;
  // Reads what is not there yet of these bytes of the file. False: they are not in it, it shrank, or they are
  // more than is read of a file at a time. They are zeros then, as far as they are missing.
  bool load(std::uint64_t offset, std::uint64_t size) const;

  std::string name_;
  std::span<const std::byte> bytes_;  // of the whole file; of the area those that were read
  FileDescriptor fd_;                 // valid where they come from a file
  std::byte* area_ = nullptr;         // as large as the file
  mutable std::mutex mutex_;
  mutable std::map<std::uint64_t, std::uint64_t> loaded_;  // start and end of what was read, not overlapping
  mutable bool shrank_ = false;                            // or could not be read: nothing more is
  std::uint16_t type_ = 0;
  std::uint16_t machine_ = 0;
  std::vector<ElfSegment> segments_;
  std::vector<ElfSection> sections_;
  std::string build_id_;
};

}  // namespace heapglass
