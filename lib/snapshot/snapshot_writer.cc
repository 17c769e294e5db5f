#include "lib/snapshot/snapshot_writer.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <span>

#include "lib/base/parallel.h"
#include "lib/snapshot/snapshot_format.h"

namespace heapglass {
namespace {

template <class T>
void append(std::vector<std::byte>& out, T number) {
  for (unsigned b = 0; b < sizeof(T); ++b)
    out.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(number) >> (8 * b)));
}

}  // namespace

void SnapshotWriter::add(std::string name, unsigned width, Transform transform, std::uint64_t rows,
                         std::uint64_t rows_per_block, Fill fill) {
  sections_.push_back({std::move(name), width, transform, rows, rows_per_block, std::move(fill), {}});
}

void SnapshotWriter::strings(const std::string& name, const std::vector<std::string>& texts) {
  const auto bytes = std::make_shared<std::string>();
  const auto ends = std::make_shared<std::vector<std::uint64_t>>();
  for (const std::string& text : texts) {
    *bytes += text;
    ends->push_back(bytes->size());
  }
  column<std::uint64_t>(name + ".end", ends->size(), Transform::kDelta,
                        [ends](std::uint64_t i) { return (*ends)[i]; });
  add(name + ".bytes", 1, Transform::kNone, bytes->size(), kMostBlockBytes,
      [bytes](std::uint64_t first, std::uint64_t n, std::byte* out) {
        std::memcpy(out, bytes->data() + first, n);
      });
}

void SnapshotWriter::put(std::ostream& out, const void* bytes, std::size_t size) {
  out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  written_ += size;
}

std::vector<std::byte> SnapshotWriter::table() const {
  std::vector<std::byte> out;
  append(out, static_cast<std::uint32_t>(sections_.size()));
  for (const Section& s : sections_) {
    append(out, static_cast<std::uint16_t>(s.name.size()));
    for (const char c : s.name) out.push_back(static_cast<std::byte>(c));
    append(out, static_cast<std::uint8_t>(s.width));
    append(out, static_cast<std::uint8_t>(s.transform));
    append(out, s.rows);
    append(out, s.rows_per_block);
    append(out, static_cast<std::uint32_t>(s.blocks.size()));
    for (const Block& b : s.blocks) {
      append(out, b.offset);
      append(out, b.stored);
    }
  }
  return out;
}

std::vector<std::byte> SnapshotWriter::header() const {
  std::vector<std::byte> header(reinterpret_cast<const std::byte*>(kSnapshotMagic.data()),
                                reinterpret_cast<const std::byte*>(kSnapshotMagic.data() + 8));
  append(header, kSnapshotMajor);
  append(header, kSnapshotMinor);
  append(header, std::uint32_t{0});
  return header;
}

void SnapshotWriter::write(std::ostream& out) {
  if (written_ == 0) {
    const std::vector<std::byte> begin = header();
    put(out, begin.data(), begin.size());
  }

  struct Piece {
    Section* section;
    std::uint64_t first, rows;
  };
  std::vector<Piece> pieces;
  for (Section& s : std::span(sections_).subspan(sections_written_))
    for (std::uint64_t first = 0; first < s.rows; first += s.rows_per_block)
      pieces.push_back({&s, first, std::min(s.rows_per_block, s.rows - first)});
  // As many at a time as do not fill the memory.
  constexpr std::size_t kAtOnce = 256;
  for (std::size_t begin = 0; begin < pieces.size(); begin += kAtOnce) {
    const std::size_t n = std::min(kAtOnce, pieces.size() - begin);
    std::vector<std::vector<std::byte>> stored(n);
    parallel_for(n, [&](std::size_t i, unsigned) {
      const Piece& p = pieces[begin + i];
      thread_local Scratch room;
      const std::span elements(room.of(p.rows * p.section->width), p.rows * p.section->width);
      p.section->fill(p.first, p.rows, elements.data());
      stored[i] = encode_block(elements, p.section->width, p.section->transform);
    });
    for (std::size_t i = 0; i < n; ++i) {
      pieces[begin + i].section->blocks.push_back({written_, static_cast<std::uint32_t>(stored[i].size())});
      put(out, stored[i].data(), stored[i].size());
    }
  }
  sections_written_ = sections_.size();
}

void SnapshotWriter::finish(std::ostream& out) {
  write(out);
  const std::uint64_t table_at = written_;
  const std::vector<std::byte> plain = table();
  const std::vector<std::byte> stored = encode_block(plain, 1, Transform::kNone);
  put(out, stored.data(), stored.size());
  std::vector<std::byte> trailer;
  append(trailer, table_at);
  append(trailer, static_cast<std::uint64_t>(stored.size()));
  append(trailer, static_cast<std::uint64_t>(plain.size()));
  const std::vector<std::byte> begin = header();
  auto crc = crc32(0, reinterpret_cast<const Bytef*>(begin.data()), static_cast<uInt>(begin.size()));
  crc = crc32(crc, reinterpret_cast<const Bytef*>(trailer.data()), static_cast<uInt>(trailer.size()));
  append(trailer, static_cast<std::uint32_t>(crc));
  for (const unsigned char c : kSnapshotEnd) trailer.push_back(static_cast<std::byte>(c));
  put(out, trailer.data(), trailer.size());
}

std::vector<std::pair<std::string, std::uint64_t>> SnapshotWriter::sizes() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const Section& s : sections_) {
    out.emplace_back(s.name, 0);
    for (const Block& b : s.blocks) out.back().second += b.stored;
  }
  return out;
}

}  // namespace heapglass
