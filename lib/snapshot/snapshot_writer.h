// Writes a snapshot file: sections, each a column of numbers, compressed on all cores. FORMAT.md describes
// the file.
#pragma once

#include <cstring>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "lib/snapshot/column_codec.h"

namespace heapglass {

class SnapshotWriter {
 public:
  // `value(i)` gives element i: called from many threads, each element once, when the file is written. What
  // it looks at has to live until then.
  template <class T, class Value>
  void column(std::string name, std::uint64_t rows, Transform transform, Value value) {
    add(std::move(name), sizeof(T), transform, rows, kMostBlockBytes / sizeof(T),
        [value = std::move(value)](std::uint64_t first, std::uint64_t n, std::byte* out) {
          for (std::uint64_t i = 0; i < n; ++i) {
            const T element = static_cast<T>(value(first + i));
            std::memcpy(out + i * sizeof(T), &element, sizeof(T));
          }
        });
  }
  // Texts of any bytes: NAME.end has where each ends in NAME.bytes.
  void strings(const std::string& name, const std::vector<std::string>& texts);
  // Bytes that stand in rows of a block: `fill` writes those of the elements [first, first + n).
  using Fill = std::function<void(std::uint64_t first, std::uint64_t n, std::byte* out)>;
  void add(std::string name, unsigned width, Transform transform, std::uint64_t rows,
           std::uint64_t rows_per_block, Fill fill);

  // The sections that were added since the last call. What the stream throws comes out.
  void write(std::ostream& out);
  // The rest, and the table: the file is whole.
  void finish(std::ostream& out);
  std::uint64_t bytes_written() const { return written_; }
  // Bytes of each section in the file.
  std::vector<std::pair<std::string, std::uint64_t>> sizes() const;

 private:
  struct Block {
    std::uint64_t offset = 0;
    std::uint32_t stored = 0;
  };
  struct Section {
    std::string name;
    unsigned width = 1;
    Transform transform = Transform::kNone;
    std::uint64_t rows = 0, rows_per_block = 1;
    Fill fill;
    std::vector<Block> blocks;
  };
  void put(std::ostream& out, const void* bytes, std::size_t size);
  std::vector<std::byte> header() const;
  std::vector<std::byte> table() const;

  std::vector<Section> sections_;
  std::size_t sections_written_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace heapglass
