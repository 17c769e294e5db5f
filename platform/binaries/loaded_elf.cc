#include "platform/binaries/loaded_elf.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace heapglass {
namespace {

constexpr std::uint64_t kLongestFile = 256u << 20;
constexpr std::uint64_t kMostEntries = 4096;  // of program headers, of the dynamic section
constexpr std::uint64_t kMostSymbols = 1u << 22;

// The file's bytes at their offsets, as far as they are loaded.
struct Loaded {
  std::vector<std::byte> bytes;
  std::vector<Elf64_Phdr> headers;
  std::uint64_t bias = 0;

  template <class T>
  bool get(std::uint64_t offset, T& out) const {
    if (offset > bytes.size() || bytes.size() - offset < sizeof out) return false;
    std::memcpy(&out, bytes.data() + offset, sizeof out);
    return true;
  }
  // Where in the file an address as linked is; ~0: nowhere.
  std::uint64_t offset_of(std::uint64_t address) const {
    for (const Elf64_Phdr& h : headers)
      if (h.p_type == PT_LOAD && address >= h.p_vaddr && address - h.p_vaddr < h.p_filesz)
        return h.p_offset + (address - h.p_vaddr);
    return ~std::uint64_t{0};
  }
  // Addresses in the dynamic section are as linked, or relocated by a loader that does so in place (glibc).
  std::uint64_t offset_of_entry(std::uint64_t address) const {
    const std::uint64_t relocated = offset_of(address - bias);
    return relocated != ~std::uint64_t{0} ? relocated : offset_of(address);
  }
};

bool load(const MemoryReader& memory, const Mapping& first, Elf64_Ehdr& header, Loaded& loaded) {
  const auto read = read_as<Elf64_Ehdr>(memory, first.start);
  if (!read || std::memcmp(read->e_ident, ELFMAG, SELFMAG) != 0 || read->e_ident[EI_CLASS] != ELFCLASS64 ||
      read->e_ident[EI_DATA] != ELFDATA2LSB || read->e_phentsize != sizeof(Elf64_Phdr) ||
      read->e_phnum > kMostEntries)
    return false;
  header = *read;
  loaded.headers.resize(header.e_phnum);
  if (!memory.read(first.start + header.e_phoff, std::as_writable_bytes(std::span(loaded.headers))))
    return false;
  std::uint64_t length = 0;
  bool has_first = false;
  for (const Elf64_Phdr& h : loaded.headers) {
    if (h.p_type != PT_LOAD) continue;
    if (h.p_offset > kLongestFile || h.p_filesz > kLongestFile - h.p_offset) return false;
    length = std::max(length, h.p_offset + h.p_filesz);
    if (h.p_offset / 4096 == 0 && !has_first) {
      has_first = true;
      loaded.bias = value(first.start) - (h.p_vaddr - h.p_offset);
    }
  }
  if (!has_first) return false;
  loaded.bytes.resize(length);
  for (const Elf64_Phdr& h : loaded.headers) {
    if (h.p_type != PT_LOAD || !(h.p_flags & PF_R)) continue;
    const std::span<std::byte> to = std::span(loaded.bytes).subspan(h.p_offset, h.p_filesz);
    if (!memory.read(Address{h.p_vaddr + loaded.bias}, to)) return false;
  }
  return true;
}

// How many symbols there are stands in the hash tables only.
std::uint64_t symbol_count(const Loaded& f, std::uint64_t gnu_hash, std::uint64_t hash) {
  std::uint32_t n = 0;
  if (hash != ~std::uint64_t{0} && f.get(hash + 4, n)) return n;  // DT_HASH: nchain
  std::uint32_t buckets = 0, first = 0, bloom = 0, last = 0;
  if (gnu_hash == ~std::uint64_t{0} || !f.get(gnu_hash, buckets) || !f.get(gnu_hash + 4, first) ||
      !f.get(gnu_hash + 8, bloom) || buckets > kMostSymbols || bloom > kMostSymbols)
    return 0;
  const std::uint64_t bucket = gnu_hash + 16 + std::uint64_t{bloom} * 8,
                      chain = bucket + std::uint64_t{buckets} * 4;
  for (std::uint32_t i = 0; i < buckets; ++i)
    if (std::uint32_t b = 0; f.get(bucket + std::uint64_t{i} * 4, b)) last = std::max(last, b);
  if (last < first) return first;
  // The chain of the last bucket ends with an odd hash.
  for (std::uint32_t word = 0; last < kMostSymbols; ++last)
    if (!f.get(chain + std::uint64_t{last - first} * 4, word) || word & 1) break;
  return std::uint64_t{last} + 1;
}

// Puts section headers behind the bytes: those of .dynsym and its strings.
bool add_sections(Elf64_Ehdr header, Loaded& f) {
  const auto dynamic =
      std::ranges::find_if(f.headers, [](const Elf64_Phdr& h) { return h.p_type == PT_DYNAMIC; });
  if (dynamic == f.headers.end()) return false;
  constexpr std::uint64_t kNone = ~std::uint64_t{0};
  std::uint64_t symbols = kNone, strings = kNone, length = 0, gnu_hash = kNone, hash = kNone;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(dynamic->p_filesz / sizeof(Elf64_Dyn), kMostEntries);
       ++i) {
    Elf64_Dyn entry;
    if (!f.get(dynamic->p_offset + i * sizeof entry, entry) || entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_SYMTAB) symbols = f.offset_of_entry(entry.d_un.d_ptr);
    if (entry.d_tag == DT_STRTAB) strings = f.offset_of_entry(entry.d_un.d_ptr);
    if (entry.d_tag == DT_GNU_HASH) gnu_hash = f.offset_of_entry(entry.d_un.d_ptr);
    if (entry.d_tag == DT_HASH) hash = f.offset_of_entry(entry.d_un.d_ptr);
    if (entry.d_tag == DT_STRSZ) length = entry.d_un.d_val;
  }
  const std::uint64_t size = f.bytes.size();
  if (symbols == kNone || strings == kNone || length > size || strings > size - length) return false;
  const std::uint64_t count = std::min(symbol_count(f, gnu_hash, hash), (size - symbols) / sizeof(Elf64_Sym));

  constexpr char kNames[] = "\0.dynsym\0.dynstr\0.shstrtab";
  Elf64_Shdr sections[4] = {};
  sections[1] = {.sh_name = 1,
                 .sh_type = SHT_DYNSYM,
                 .sh_flags = SHF_ALLOC,
                 .sh_offset = symbols,
                 .sh_size = count * sizeof(Elf64_Sym),
                 .sh_link = 2,
                 .sh_info = 1,
                 .sh_addralign = 8,
                 .sh_entsize = sizeof(Elf64_Sym)};
  sections[2] = {.sh_name = 9,
                 .sh_type = SHT_STRTAB,
                 .sh_flags = SHF_ALLOC,
                 .sh_offset = strings,
                 .sh_size = length,
                 .sh_addralign = 1};
  f.bytes.resize((size + 63) / 64 * 64);
  sections[3] = {.sh_name = 17,
                 .sh_type = SHT_STRTAB,
                 .sh_offset = f.bytes.size(),
                 .sh_size = sizeof kNames,
                 .sh_addralign = 1};
  auto append = [&](const void* from, std::size_t n) {
    const auto* at = static_cast<const std::byte*>(from);
    f.bytes.insert(f.bytes.end(), at, at + n);
  };
  append(kNames, sizeof kNames);
  f.bytes.resize((f.bytes.size() + 63) / 64 * 64);
  header.e_shoff = f.bytes.size();
  header.e_shnum = 4;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shstrndx = 3;
  append(sections, sizeof sections);
  std::memcpy(f.bytes.data(), &header, sizeof header);
  return true;
}

}  // namespace

std::shared_ptr<const ElfFile> read_loaded_elf(const MemoryReader& memory, const Mapping& first,
                                               std::string& why) {
  struct Holder {
    Loaded loaded;
    std::shared_ptr<const ElfFile> file;
  };
  const auto holder = std::make_shared<Holder>();
  Elf64_Ehdr header;
  if (!load(memory, first, header, holder->loaded) || !add_sections(header, holder->loaded)) {
    why = first.path + " is deleted, and its memory is not that of a loaded ELF file";
    return nullptr;
  }
  holder->file = ElfFile::from_memory(holder->loaded.bytes, first.path, why);
  if (!holder->file) return nullptr;
  return {holder, holder->file.get()};
}

}  // namespace heapglass
