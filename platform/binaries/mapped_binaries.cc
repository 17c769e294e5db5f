#include "platform/binaries/mapped_binaries.h"

#include <sys/resource.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "platform/binaries/debug_files.h"
#include "platform/binaries/dwarf_structs.h"
#include "platform/binaries/elf_file.h"
#include "platform/binaries/elf_symbols.h"
#include "platform/binaries/loaded_elf.h"
#include "platform/binaries/unwind_table.h"

namespace heapglass {
namespace {

class MappedBinary final : public Binary {
 public:
  MappedBinary(std::string root_prefix, std::string path, std::shared_ptr<const ElfFile> file,
               std::uint64_t bias)
      : path_(std::move(path)),
        root_(std::move(root_prefix)),
        file_(std::move(file)),
        bias_(bias),
        symbols_(file_, bias, [this] { return debug_file(); }),
        unwind_(file_, bias) {}

  const std::string& path() const override { return path_; }
  std::string build_id() const override { return file_->build_id(); }
  const SymbolSource& symbols() const override { return symbols_; }
  std::optional<Symbol> section(std::string_view name) const override {
    const ElfSection* s = file_->section(name);
    if (!s || s->address == 0) return std::nullopt;
    return Symbol{Address{s->address + bias_}, s->size};
  }
  bool may_have_structs() const override {
    const ElfSection* info = file_->section(".debug_info");
    return (info && info->has_bytes) || debug_file() != nullptr;
  }
  bool has_code_at(Address instruction) const override { return unwind_.has_code_at(instruction); }
  std::optional<CallerFrame> caller_of(const FrameRegisters& frame, bool at_return,
                                       const MemoryReader& memory) const override {
    return unwind_.caller_of(frame, at_return, memory);
  }
  std::shared_ptr<const StructSource> structs(const std::vector<std::string>& names) const override {
    if (!looked_for_structs_) {
      looked_for_structs_ = true;
      std::vector<WantedStruct> wanted;
      wanted.reserve(names.size());
      for (const std::string& name : names) wanted.push_back({name});
      std::string why;
      structs_ = DwarfStructs::load(file_, wanted, {.target_path = path_, .root_prefix = root_}, why);
      file_->release_debug_sections();
    }
    return structs_;
  }

 private:
  std::shared_ptr<const ElfFile> debug_file() const {
    if (!looked_for_debug_) {
      looked_for_debug_ = true;
      debug_ = find_debug_file(*file_, {.target_path = path_, .root_prefix = root_}).file;
    }
    return debug_;
  }

  std::string path_, root_;
  std::shared_ptr<const ElfFile> file_;
  std::uint64_t bias_;
  mutable bool looked_for_debug_ = false, looked_for_structs_ = false;
  mutable std::shared_ptr<const ElfFile> debug_;
  mutable std::shared_ptr<const StructSource> structs_;
  ElfSymbols symbols_;
  UnwindTable unwind_;
};

// Every file that is looked into keeps a descriptor, and so does every view of one.
void make_room_for_descriptors(std::size_t files) {
  rlimit most{};
  const rlim_t wanted = 2 * files + 256;
  if (getrlimit(RLIMIT_NOFILE, &most) != 0 || most.rlim_cur >= wanted) return;
  most.rlim_cur = std::min(most.rlim_max, wanted);
  setrlimit(RLIMIT_NOFILE, &most);
}

int rank(const std::string& path, const std::string& executable) {
  if (path.substr(path.rfind('/') + 1).starts_with("libpython")) return 0;
  return path == executable ? 1 : 2;
}

}  // namespace

Binaries mapped_binaries(const Mappings& mappings, const std::string& executable,
                         const std::string& root_prefix, const OpenMappedFile& open_file,
                         const MemoryReader* memory) {
  std::vector<const Mapping*> files;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  for (const Mapping& m : mappings)
    if (m.has_file() && m.file_offset == 0 && !m.shared && m.path.starts_with('/') &&
        seen.insert({m.device, m.inode}).second) {
      files.push_back(&m);
    }
  std::stable_sort(files.begin(), files.end(), [&](const Mapping* a, const Mapping* b) {
    return rank(a->path, executable) < rank(b->path, executable);
  });
  make_room_for_descriptors(files.size());
  Binaries binaries;
  for (const Mapping* m : files) {
    const FileDescriptor fd = open_file(*m);
    std::string why;
    std::shared_ptr<const ElfFile> file;
    if (fd) {
      file = ElfFile::open(fd.get(), m->path, why);
    } else if (memory && m->deleted) {
      file = read_loaded_elf(*memory, *m, why);
    }
    if (!file) continue;
    const auto bias = file->load_bias(mappings, *m);
    if (!bias) continue;
    binaries.push_back(std::make_shared<MappedBinary>(root_prefix, m->path, std::move(file), *bias));
  }
  return binaries;
}

}  // namespace heapglass
