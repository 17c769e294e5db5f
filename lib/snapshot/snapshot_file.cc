#include "lib/snapshot/snapshot_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/base/parallel.h"
#include "lib/snapshot/snapshot_format.h"

namespace heapglass {
namespace {

// No snapshot has a table that is larger, and no damaged one shall make us find so much memory.
constexpr std::uint64_t kMostTableBytes = std::uint64_t{1} << 28;

// Takes numbers from the front of bytes; after the end zeros, and `good` is false.
struct Cursor {
  std::span<const std::byte> left;
  bool good = true;

  template <class T>
  T take() {
    std::uint64_t out = 0;
    const auto bytes = take_bytes(sizeof(T));
    for (std::size_t b = 0; b < bytes.size(); ++b) out |= std::to_integer<std::uint64_t>(bytes[b]) << (8 * b);
    return static_cast<T>(out);
  }
  std::span<const std::byte> take_bytes(std::size_t n) {
    if (n > left.size()) {
      good = false;
      left = {};
      return {};
    }
    const auto out = left.first(n);
    left = left.subspan(n);
    return out;
  }
};

}  // namespace

bool SnapshotFile::is_snapshot(std::span<const std::byte> first) {
  return first.size() >= kSnapshotMagic.size() &&
         std::memcmp(first.data(), kSnapshotMagic.data(), kSnapshotMagic.size()) == 0;
}

void SnapshotFile::fail(const std::string& why) const {
  throw Error(ErrorKind::kFile, "cannot read the snapshot '" + name_ + "': " + why,
              "take another, or a copy of this one");
}

void SnapshotFile::fail(const std::string& section, const std::string& why) const {
  fail("it is damaged: in its section " + section + " " + why);
}

SnapshotFile::SnapshotFile(std::span<const std::byte> bytes, std::string name)
    : SnapshotFile(SnapshotSource{bytes.size(),
                                  [bytes](std::uint64_t offset, std::span<std::byte> to) {
                                    if (offset > bytes.size() || to.size() > bytes.size() - offset)
                                      return false;
                                    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                                                to.size(), to.begin());
                                    return true;
                                  }},
                   std::move(name)) {}

SnapshotFile::SnapshotFile(SnapshotSource source, std::string name, std::uint64_t most_bytes)
    : source_(std::move(source)), name_(std::move(name)) {
  std::array<std::byte, kSnapshotHeaderBytes> header_bytes{};
  const std::span<const std::byte> header = header_bytes;
  const auto there = std::span(header_bytes).first(std::min<std::uint64_t>(header.size(), source_.size));
  if (!source_.read(0, there) || !is_snapshot(there)) fail("it is no snapshot of heapglass");
  if (source_.size < kSnapshotHeaderBytes + kSnapshotTrailerBytes) fail("it is cut");
  Cursor head{header.subspan(kSnapshotMagic.size())};
  if (const auto major = head.take<std::uint16_t>(); major != kSnapshotMajor)
    throw Error(ErrorKind::kFile,
                "cannot read the snapshot '" + name_ + "': it is of format " + std::to_string(major) +
                    ", this heapglass reads format " + std::to_string(kSnapshotMajor),
                "read it with the heapglass that wrote it");
  const std::uint64_t end = source_.size - kSnapshotTrailerBytes;
  std::array<std::byte, kSnapshotTrailerBytes> trailer{};
  read_bytes(end, trailer);
  if (std::memcmp(trailer.data() + 28, kSnapshotEnd.data(), kSnapshotEnd.size()) != 0)
    fail("it is cut: its last bytes are not those that end a snapshot");
  Cursor tail{std::span<const std::byte>(trailer)};
  const auto table_at = tail.take<std::uint64_t>(), stored = tail.take<std::uint64_t>(),
             plain = tail.take<std::uint64_t>();
  auto crc = crc32(0, reinterpret_cast<const Bytef*>(header.data()), kSnapshotHeaderBytes);
  crc = crc32(crc, reinterpret_cast<const Bytef*>(trailer.data()), 24);
  if (tail.take<std::uint32_t>() != crc) fail("it is damaged: its ends do not fit together");
  if (table_at > end || stored != end - table_at || table_at < kSnapshotHeaderBytes ||
      plain > kMostTableBytes)
    fail("it is damaged: its table is not where it should be");
  if (stored > kMostTableBytes) fail("it is damaged: its table is longer than any");
  std::vector<std::byte> table(plain), packed(stored);
  read_bytes(table_at, packed);
  if (!decode_block(packed, 1, Transform::kNone, table))
    fail("it is damaged: its table does not have the bytes that were written");
  parse_table(table, table_at);
  limit_memory(most_bytes);
}

void SnapshotFile::read_bytes(std::uint64_t offset, std::span<std::byte> to) const {
  if (!source_.read(offset, to)) fail("it shrank while it was read");
}

// A few bytes can unfold to any number of equal ones. What is not decoded as a whole does not count.
void SnapshotFile::limit_memory(std::uint64_t most_bytes) const {
  std::uint64_t all = 0;
  for (const auto& [section_name, s] : sections_) {
    if (section_name == "memory.bytes" || section_name == "memory.words") continue;
    const std::uint64_t bytes = s.rows > most_bytes / s.width ? most_bytes + 1 : s.rows * s.width;
    all += std::min(bytes, most_bytes + 1);
    if (all > most_bytes)
      throw Error(ErrorKind::kFile,
                  "cannot read the snapshot '" + name_ + "': it unfolds to more than the " +
                      std::to_string(most_bytes / 1'000'000) + " MB of memory that there are",
                  "read it where there is more; a snapshot takes about what the process had");
  }
}

void SnapshotFile::parse_table(std::span<const std::byte> table, std::uint64_t end) {
  Cursor c{table};
  const auto count = c.take<std::uint32_t>();
  std::uint64_t at = kSnapshotHeaderBytes;  // blocks lie one behind the other: none is told twice
  for (std::uint32_t i = 0; i < count && c.good; ++i) {
    Section s;
    const auto name = c.take_bytes(c.take<std::uint16_t>());
    s.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
    s.width = c.take<std::uint8_t>();
    const auto transform = c.take<std::uint8_t>();
    s.transform = static_cast<Transform>(transform);
    s.rows = c.take<std::uint64_t>();
    s.rows_per_block = c.take<std::uint64_t>();
    const auto blocks = c.take<std::uint32_t>();
    const std::uint64_t most_stored = longest_block(kMostBlockBytes);
    const bool known = (s.width == 1 || s.width == 2 || s.width == 4 || s.width == 8) && transform <= 1;
    if (known && (s.rows_per_block == 0 || s.rows_per_block > kMostBlockBytes / s.width ||
                  blocks != s.rows / s.rows_per_block + (s.rows % s.rows_per_block != 0)))
      fail(s.name, "the rows are not as many as the blocks have");
    for (std::uint32_t b = 0; b < blocks && c.good; ++b) {
      Block block;
      block.offset = c.take<std::uint64_t>();
      block.stored = c.take<std::uint32_t>();
      if (block.offset != at || block.stored > end - at) fail(s.name, "a block is not where it should be");
      if (block.stored > most_stored) fail(s.name, "a block is longer than any can be");
      at += block.stored;
      s.blocks.push_back(block);
    }
    if (known) sections_.emplace(s.name, s);  // of a later minor version: passed over
  }
  if (!c.good || !c.left.empty() || at != end)
    fail("it is damaged: its table is not as long as it should be");
}

const SnapshotFile::Section& SnapshotFile::find(const std::string& section, unsigned width) const {
  const auto at = sections_.find(section);
  if (at == sections_.end()) fail("it has no section " + section);
  if (width && at->second.width != width) fail(section, "the numbers are of another width");
  return at->second;
}

void SnapshotFile::read_block(const Section& s, std::uint64_t number, std::span<std::byte> out) const {
  const Block& b = s.blocks[number];
  thread_local Scratch room;
  const std::span stored(room.of(b.stored), b.stored);
  read_bytes(b.offset, stored);
  if (!decode_block(stored, s.width, s.transform, out))
    fail(s.name, "block " + std::to_string(number) + " does not have the bytes that were written");
}

void SnapshotFile::read(const Section& s, std::span<std::byte> out) const {
  parallel_for(s.blocks.size(), [&](std::size_t b, unsigned) {
    const std::uint64_t first = b * s.rows_per_block;
    const std::uint64_t n = std::min(s.rows_per_block, s.rows - first);
    read_block(s, b, out.subspan(first * s.width, n * s.width));
  });
}

void SnapshotFile::read_range(const Section& s, std::uint64_t first, std::span<std::byte> out) const {
  const std::uint64_t end = first + out.size() / s.width;
  if (end < first || end > s.rows) fail(s.name, "there are not as many rows as there should be");
  std::vector<std::byte> elements;
  while (first < end) {
    const std::uint64_t block = first / s.rows_per_block, begins = block * s.rows_per_block;
    elements.resize(std::min(s.rows_per_block, s.rows - begins) * s.width);
    read_block(s, block, elements);
    const std::uint64_t n = std::min(end, begins + s.rows_per_block) - first;
    std::memcpy(out.data(), elements.data() + (first - begins) * s.width, n * s.width);
    out = out.subspan(n * s.width);
    first += n;
  }
}

std::vector<std::byte> SnapshotFile::block(const std::string& section, std::uint64_t number) const {
  const Section& s = find(section, 1);
  if (number >= s.blocks.size()) fail(section, "there is no block " + std::to_string(number));
  std::vector<std::byte> out(std::min(s.rows_per_block, s.rows - number * s.rows_per_block));
  read_block(s, number, out);
  return out;
}

std::vector<std::string> SnapshotFile::strings(const std::string& section) const {
  const auto ends = column<std::uint64_t>(section + ".end");
  const auto bytes = column<char>(section + ".bytes");
  std::vector<std::string> out;
  out.reserve(ends.size());
  std::uint64_t first = 0;
  for (const std::uint64_t end : ends) {
    if (end < first || end > bytes.size()) fail(section, "a text ends where none can");
    out.emplace_back(bytes.data() + first, end - first);
    first = end;
  }
  if (first != bytes.size()) fail(section, "there are bytes of no text");
  return out;
}

std::vector<std::string> SnapshotFile::section_names() const {
  std::vector<std::string> out;
  out.reserve(sections_.size());
  for (const auto& [name, s] : sections_) out.push_back(name);
  return out;
}

}  // namespace heapglass
