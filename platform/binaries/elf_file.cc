#include "platform/binaries/elf_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>

#include "lib/base/page.h"
#include "llvm/Object/Decompressor.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Compression.h"
#include "llvm/Support/Error.h"
#include "platform/files/regular_file.h"
#include "platform/process/memory_left.h"

namespace heapglass {

namespace {

using Elf = llvm::object::ELFFile<llvm::object::ELF64LE>;
using Shdr = llvm::object::ELF64LE::Shdr;
using Phdr = llvm::object::ELF64LE::Phdr;
namespace elf = llvm::ELF;

constexpr std::size_t kLongestBuildId = 64;  // SHA-1 has 20 bytes, an id given to the linker any number
constexpr std::size_t kLongestName = 4096;
// Headers cost little to write and may all name the same bytes: what is done for each is bounded.
constexpr std::size_t kMostSegments = 256;
constexpr std::uint64_t kLongestNotes = 1 << 16;
constexpr std::uint64_t kMostHeaders = 1 << 16;                 // loaded files have some dozens
constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 40;  // sparse ones too

// Of a section, as it is stored and as it inflates: sparse and compressed ones cost little to write. Half of
// the memory that there is, where that is less.
std::uint64_t most_at_a_time() {
  static const std::uint64_t most = [] {
    constexpr std::uint64_t kLargest = std::uint64_t{4} << 30;
    const std::uint64_t left = memory_left(getpid()).bytes;
    return left == 0 ? kLargest : std::min(kLargest, left / 2);
  }();
  return most;
}

// LLVM's answer, or nullopt with its complaint in `why`.
template <class T>
std::optional<T> take(llvm::Expected<T> from, std::string& why) {
  if (from) return std::move(*from);
  why = llvm::toString(from.takeError());
  return std::nullopt;
}

llvm::StringRef text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Whoever has an ElfFile has had the header checked.
Elf reader(std::span<const std::byte> bytes) { return llvm::cantFail(Elf::create(text_of(bytes))); }

std::string hex(llvm::ArrayRef<std::uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

// The build-id among the notes of a section or segment. LLVM's own bounds check of both wraps around, hence
// `bounds`, the checked bytes.
template <class Header>
std::string build_id_among(const Elf& file, const Header& header,
                           llvm::Expected<llvm::ArrayRef<std::uint8_t>> bounds, std::size_t align) {
  std::string unused;
  if (const auto checked = take(std::move(bounds), unused);
      !checked || checked->empty() || checked->size() > kLongestNotes) {
    return {};
  }
  std::string id;
  llvm::Error error = llvm::Error::success();
  for (const auto note : file.notes(header, error)) {
    if (note.getType() != elf::NT_GNU_BUILD_ID || note.getName() != "GNU") continue;
    const auto bytes = note.getDesc(std::max<std::size_t>(align, 4));
    if (bytes.empty() || bytes.size() > kLongestBuildId) continue;
    id = hex(bytes);
    break;
  }
  llvm::consumeError(std::move(error));
  return id;
}

std::string hex_of(std::span<const std::byte> id) {
  return hex({reinterpret_cast<const std::uint8_t*>(id.data()), std::min(id.size(), kLongestBuildId)});
}

// The NUL-terminated name at the start of `bytes`.
std::optional<std::string> leading_name(std::span<const std::byte> bytes) {
  const llvm::StringRef text = text_of(bytes);
  const std::size_t end = text.find('\0');
  if (end == llvm::StringRef::npos || end == 0 || end > kLongestName) return std::nullopt;
  return text.substr(0, end).str();
}

// .debug_sup of DWARF 5, section 7.3.6: both files have one, with the same checksum.
struct Supplement {
  bool is_supplement = false;
  ElfAltLink link;
};
std::optional<Supplement> supplement_of(std::span<const std::byte> section) {
  constexpr std::size_t kName = 3;  // after the version, 2 bytes, and is_supplementary
  if (section.size() < kName) return std::nullopt;
  const llvm::StringRef text = text_of(section);
  const std::size_t end = text.find('\0', kName);
  // The length is a ULEB128 number; one byte does up to 127.
  if (end == llvm::StringRef::npos || end > kLongestName || end + 2 > section.size()) return std::nullopt;
  const auto checksum = section.subspan(end + 2);
  const auto length = std::to_integer<std::size_t>(section[end + 1]);
  if (length > kLongestBuildId || length > checksum.size()) return std::nullopt;
  return Supplement{section[2] != std::byte{0},
                    {text.substr(kName, end - kName).str(), hex_of(checksum.first(length))}};
}

}  // namespace

std::shared_ptr<const ElfFile> ElfFile::open(const std::string& path, std::string& why) {
  const FileDescriptor fd = open_regular_file(path);
  if (!fd) {
    why = "cannot open " + path + ": " + describe_open_failure(errno);
    return nullptr;
  }
  return open(fd.get(), path, why);
}

std::shared_ptr<const ElfFile> ElfFile::open(int fd, std::string name, std::string& why) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    why = "cannot read " + name + ": " + std::strerror(errno);
    return nullptr;
  }
  if (!S_ISREG(status.st_mode) || status.st_size == 0) {
    why = name + (S_ISREG(status.st_mode) ? " is empty" : " is not a regular file");
    return nullptr;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > kLongestFile) {
    why = name + " is larger than any program (" + std::to_string(size) + " bytes)";
    return nullptr;
  }
  std::shared_ptr<ElfFile> file(new ElfFile);
  file->name_ = std::move(name);
  file->fd_ = FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!file->fd_) {
    why = "cannot read " + file->name_ + ": " + std::strerror(errno);
    return nullptr;
  }
  // Room for it at the offsets that it has in the file; nothing of it is read yet.
  void* const at =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();  // no fault of the file's: what would be said of it is wrong
  file->area_ = static_cast<std::byte*>(at);
  file->bytes_ = {file->area_, size};
  if (!file->load_headers(why) || !file->parse(why)) return nullptr;
  return file;
}

std::shared_ptr<const ElfFile> ElfFile::from_memory(std::span<const std::byte> bytes, std::string name,
                                                    std::string& why) {
  std::shared_ptr<ElfFile> file(new ElfFile);
  file->name_ = std::move(name);
  file->bytes_ = bytes;
  if (!file->parse(why)) return nullptr;
  return file;
}

ElfFile::~ElfFile() {
  if (area_) ::munmap(area_, bytes_.size());
}

bool ElfFile::load(std::uint64_t offset, std::uint64_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset) return false;
  if (!area_ || size == 0) return true;
  if (size > most_at_a_time()) return false;
  const std::lock_guard lock(mutex_);
  if (shrank_) return false;
  std::uint64_t at = offset, first = offset;
  const std::uint64_t end = offset + size;
  auto next = loaded_.upper_bound(at);
  if (next != loaded_.begin() && std::prev(next)->second >= at) {
    --next;
    first = next->first;
  }
  // The gaps between what was read before: nothing is read twice, since it may have changed meanwhile.
  while (at < end) {
    if (next != loaded_.end() && next->first <= at) {
      at = std::max(at, next->second);
      next = loaded_.erase(next);
      continue;
    }
    const std::uint64_t until = next == loaded_.end() ? end : std::min(end, next->first);
    // Debug information has megabytes, and a fault for each page takes longer than reading it.
    constexpr std::uint64_t kHuge = 2 << 20;
    if (const std::uint64_t page = at / kPage * kPage; until - at >= kHuge)
      ::madvise(area_ + page, until - page, MADV_HUGEPAGE);
    if (!read_fully(fd_.get(), at, {area_ + at, until - at})) {
      shrank_ = true;
      return false;
    }
    at = until;
  }
  loaded_[first] = at;
  return true;
}

// What parse() looks at before it knows of any section. What is not in the file is left to LLVM's checks,
// which say what is wrong with it.
bool ElfFile::load_headers(std::string& why) const {
  const auto fail = [&](const char* what) {
    why = name_ + what;
    return false;
  };
  elf::Elf64_Ehdr header;
  load(0, std::min<std::uint64_t>(sizeof header, bytes_.size()));
  if (bytes_.size() >= sizeof header) {
    std::memcpy(&header, area_, sizeof header);
    load(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(elf::Elf64_Phdr));
    elf::Elf64_Shdr first{};
    if (header.e_shoff != 0 && load(header.e_shoff, sizeof first))
      std::memcpy(&first, area_ + header.e_shoff, sizeof first);
    const std::uint64_t count = header.e_shnum ? header.e_shnum : first.sh_size;
    if (count > kMostHeaders) return fail(": it has too many sections");
    const std::uint64_t names = header.e_shstrndx == elf::SHN_XINDEX ? first.sh_link : header.e_shstrndx;
    elf::Elf64_Shdr strings{};
    if (load(header.e_shoff, count * sizeof first) && names < count)
      std::memcpy(&strings, area_ + header.e_shoff + names * sizeof strings, sizeof strings);
    if (strings.sh_type != elf::SHT_NOBITS) load(strings.sh_offset, strings.sh_size);
  }
  return !shrank_ || fail(": it shrank while it was read");
}

bool ElfFile::parse(std::string& why) {
  const auto fail = [&](const std::string& what) {
    why = name_ + ": " + what;
    return false;
  };
  if (!text_of(bytes_).starts_with(elf::ElfMagic)) return fail("not an ELF file");
  std::string complaint;
  const auto file = take(Elf::create(text_of(bytes_)), complaint);
  if (!file) return fail(complaint);
  if (file->getHeader().getFileClass() != elf::ELFCLASS64) return fail("not a 64-bit ELF file");
  if (!file->isLE()) return fail("not a little-endian ELF file");
  type_ = file->getHeader().e_type;
  machine_ = file->getHeader().e_machine;

  const auto programs = take(file->program_headers(), complaint);
  if (!programs) return fail(complaint);
  for (const Phdr& header : *programs) {
    if (header.p_type != elf::PT_LOAD) continue;
    if (segments_.size() == kMostSegments) return fail("too many segments");
    segments_.push_back({header.p_offset, header.p_vaddr, header.p_filesz, header.p_memsz,
                         (header.p_flags & elf::PF_R) != 0, (header.p_flags & elf::PF_W) != 0,
                         (header.p_flags & elf::PF_X) != 0});
  }

  const auto sections = take(file->sections(), complaint);
  if (!sections) return fail(complaint);
  const auto names = take(file->getSectionStringTable(*sections), complaint);
  if (!names) return fail(complaint);
  sections_.reserve(sections->size());
  for (const Shdr& header : *sections) {
    const auto name = take(file->getSectionName(header, *names), complaint);
    if (!name) return fail(complaint);
    sections_.push_back({std::string_view(name->data(), name->size()), header.sh_addr, header.sh_size,
                         header.sh_offset, header.sh_type != elf::SHT_NOBITS,
                         (header.sh_flags & elf::SHF_COMPRESSED) != 0});
    if (header.sh_type == elf::SHT_NOTE && build_id_.empty() && header.sh_size <= kLongestNotes &&
        load(header.sh_offset, header.sh_size)) {
      build_id_ = build_id_among(*file, header, file->getSectionContents(header), header.sh_addralign);
    }
  }
  for (const Phdr& header : *programs) {  // for files without section headers
    if (!build_id_.empty()) break;
    if (header.p_type != elf::PT_NOTE || header.p_filesz > kLongestNotes ||
        !load(header.p_offset, header.p_filesz))
      continue;
    build_id_ = build_id_among(*file, header, file->getSegmentContents(header), header.p_align);
  }
  return true;
}

bool ElfFile::fixed_address() const { return type_ == elf::ET_EXEC; }
bool ElfFile::relocatable() const { return type_ == elf::ET_REL; }

void ElfFile::release_debug_sections() const {
  if (!area_) return;
  const std::lock_guard lock(mutex_);
  for (const ElfSection& section : sections_) {
    if (!section.name.starts_with(".debug_") || !section.has_bytes || section.size > bytes_.size()) continue;
    // Its whole pages, where it was read: at its ends there may be others' bytes.
    const std::uint64_t start = (section.offset + kPage - 1) / kPage * kPage,
                        end = (section.offset + section.size) / kPage * kPage;
    auto in = loaded_.upper_bound(start);
    if (start >= end || in == loaded_.begin()) continue;
    const auto [from, until] = *--in;
    if (until < end) continue;
    loaded_.erase(in);
    if (from < start) loaded_[from] = start;
    if (end < until) loaded_[end] = until;
    ::madvise(area_ + start, end - start, MADV_DONTNEED);
  }
}

std::string ElfFile::build_id() const { return build_id_; }

const ElfSection* ElfFile::section(std::string_view name) const {
  const auto found = std::ranges::find(sections_, name, &ElfSection::name);
  return found == sections_.end() ? nullptr : &*found;
}

SectionBytes ElfFile::read(const ElfSection& section, std::string& why) const {
  const auto fail = [&](const std::string& what) {
    why = name_ + ": section " + std::string(section.name) + ": " + what;
    return SectionBytes{};
  };
  if (!section.has_bytes) return fail("its bytes are not in this file");
  if (section.offset > bytes_.size() || section.size > bytes_.size() - section.offset) {
    return fail("reaches past the end of the file");
  }
  if (!load(section.offset, section.size))
    return fail(section.size > most_at_a_time() ? "is larger than is read" : "shrank while it was read");
  const auto stored = bytes_.subspan(section.offset, section.size);
  if (!section.compressed) return SectionBytes(stored);

  std::string complaint;
  auto inflater = take(llvm::object::Decompressor::create({section.name.data(), section.name.size()},
                                                          text_of(stored), true, true),
                       complaint);
  if (!inflater) return fail(complaint);
  // The file states the size, so a few bytes could ask for all of our memory. Debug information shrinks by 3
  // to 10; zlib cannot do better than 1032.
  constexpr std::uint64_t kBestRatio = 1032;
  const std::uint64_t size = inflater->getDecompressedSize();
  if (size > most_at_a_time() || size / kBestRatio > stored.size())
    return fail("implausible size when inflated");
  // calloc: large blocks come zeroed from the kernel anyway, and untouched ones cost nothing.
  const std::shared_ptr<std::byte> inflated(static_cast<std::byte*>(std::calloc(size + 1, 1)), std::free);
  if (!inflated) return fail("no memory to inflate it");
  elf::Elf64_Chdr header;  // checked by Decompressor::create
  std::memcpy(&header, stored.data(), sizeof header);
  const auto how = header.ch_type == elf::ELFCOMPRESS_ZSTD ? llvm::compression::Format::Zstd
                                                           : llvm::compression::Format::Zlib;
  const auto packed = stored.subspan(sizeof header);
  auto* const to = reinterpret_cast<std::uint8_t*>(inflated.get());
  std::size_t there = size;
  const llvm::ArrayRef<std::uint8_t> from(reinterpret_cast<const std::uint8_t*>(packed.data()),
                                          packed.size());
  if (llvm::Error error = how == llvm::compression::Format::Zstd
                              ? llvm::compression::zstd::decompress(from, to, there)
                              : llvm::compression::zlib::decompress(from, to, there)) {
    return fail(llvm::toString(std::move(error)));
  }
  if (there != size) return fail("does not have the size that it states");
  return SectionBytes(inflated, size);
}

SectionBytes ElfFile::read(std::string_view section_name) const {
  std::string unused;
  const ElfSection* const found = section(section_name);
  return found != nullptr ? read(*found, unused) : SectionBytes{};
}

std::optional<ElfDebugLink> ElfFile::debug_link() const {
  const SectionBytes section = read(".gnu_debuglink");
  auto name = leading_name(section.bytes());
  // The linker writes a bare file name. A path would lead us out of the directories meant for debug files.
  if (!name || name->find('/') != std::string::npos || *name == "." || *name == "..") return std::nullopt;
  const std::size_t crc_at = (name->size() + 1 + 3) / 4 * 4;
  ElfDebugLink link{std::move(*name), 0};
  if (crc_at + sizeof link.crc > section.bytes().size()) return std::nullopt;
  std::memcpy(&link.crc, section.bytes().data() + crc_at, sizeof link.crc);
  return link;
}

std::optional<ElfAltLink> ElfFile::debug_alt_link() const {
  const SectionBytes section = read(".gnu_debugaltlink");
  if (const auto name = leading_name(section.bytes())) {
    return ElfAltLink{*name, hex_of(section.bytes().subspan(name->size() + 1))};
  }
  const auto supplement = supplement_of(read(".debug_sup").bytes());
  if (!supplement || supplement->is_supplement) return std::nullopt;
  return supplement->link;
}

std::string ElfFile::alt_id() const {
  const auto supplement = supplement_of(read(".debug_sup").bytes());
  return supplement && supplement->is_supplement ? supplement->link.id : build_id_;
}

std::uint32_t ElfFile::crc() const {
  const auto raw = [](std::span<const std::byte> bytes) {
    return llvm::ArrayRef(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  };
  if (!area_) return llvm::crc32(raw(bytes_));
  // By and by: nothing else wants the whole of a file.
  std::vector<std::byte> some(std::min<std::uint64_t>(bytes_.size(), 1 << 20));
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < bytes_.size(); at += some.size()) {
    const auto part = std::span(some).first(std::min<std::uint64_t>(some.size(), bytes_.size() - at));
    if (!read_fully(fd_.get(), at, part)) return 0;
    crc = llvm::crc32(crc, raw(part));
  }
  return crc;
}

void ElfFile::symbols(Table table, const std::function<void(const ElfSymbol&)>& each) const {
  const std::uint32_t type = table == Table::kDynamic ? elf::SHT_DYNSYM : elf::SHT_SYMTAB;
  std::string unused;
  const Elf file = reader(bytes_);
  const auto sections = take(file.sections(), unused);
  if (!sections) return;
  for (const Shdr& header : *sections) {
    if (header.sh_type != type) continue;
    if (!load(header.sh_offset, header.sh_size)) return;
    if (header.sh_link < sections->size()) {
      const Shdr& strings = (*sections)[header.sh_link];
      if (!load(strings.sh_offset, strings.sh_size)) return;
    }
    const auto entries = take(file.symbols(&header), unused);
    const auto names = take(file.getStringTableForSymtab(header, *sections), unused);
    if (!entries || !names) continue;
    for (const auto& entry : *entries) {
      const auto kind = entry.getType();
      // The value of a thread-local symbol is no address, and absolute ones do not move with the file.
      if (kind == elf::STT_TLS || kind == elf::STT_SECTION || kind == elf::STT_FILE) continue;
      if (entry.st_shndx == elf::SHN_UNDEF || entry.st_shndx == elf::SHN_ABS) continue;
      if (entry.st_name == 0 || entry.st_name >= names->size()) continue;
      // Not to the end of a string that every symbol of a damaged table may share.
      const char* const name = names->data() + entry.st_name;
      const std::size_t length = ::strnlen(name, std::min(kLongestName, names->size() - entry.st_name));
      each({std::string_view(name, length), entry.st_value, entry.st_size,
            entry.getBinding() == elf::STB_LOCAL});
    }
    return;  // there is but one of each
  }
}

std::optional<std::uint64_t> ElfFile::load_bias(const Mappings& mappings, const Mapping& of_file) const {
  if (fixed_address()) return 0;
  // Where segment S holds byte F of the file, the mapping of F tells the bias. Neighbouring segments may
  // share a page of the file and mprotect splits mappings, so a single mapping can point to the wrong
  // segment: all of them vote. Code counts more, since a file mapped just for reading has none.
  std::map<std::uint64_t, unsigned> votes;
  for (const Mapping& mapping : mappings) {
    if (mapping.device != of_file.device || mapping.inode != of_file.inode || mapping.path != of_file.path) {
      continue;
    }
    for (const ElfSegment& segment : segments_) {
      const bool apart = mapping.file_offset >= segment.offset + segment.file_size ||
                         segment.offset >= mapping.file_offset + mapping.size();
      if (apart || mapping.executable != segment.executable) continue;
      const std::uint64_t bias =
          value(mapping.start) - mapping.file_offset - (segment.address - segment.offset);
      if (bias % 4096 == 0) votes[bias] += mapping.executable ? 8 : 1;
    }
  }
  const auto most = std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
  if (most == votes.end()) return std::nullopt;
  return most->first;
}

}  // namespace heapglass
