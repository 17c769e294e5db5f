// Reads a snapshot file: its sections by name, block by block. What is not as it was written is an Error.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/large_array.h"
#include "lib/snapshot/column_codec.h"

namespace heapglass {

// Where a snapshot's bytes come from. A file is read and not mapped: others may cut it short, or write to it.
struct SnapshotSource {
  std::uint64_t size = 0;
  // Fills `to` with the bytes from `offset` on; false where they are not there (any more). From many threads.
  std::function<bool(std::uint64_t offset, std::span<std::byte> to)> read;
};

class SnapshotFile {
 public:
  // `name` is for messages. Throws Error kFile: no snapshot, of another version, cut or damaged, or one whose
  // sections take more than `most_bytes` when they are decoded. Blocks are looked at when they are asked for.
  SnapshotFile(SnapshotSource source, std::string name, std::uint64_t most_bytes = ~std::uint64_t{0});
  // `bytes` are the whole file, and live as long as this.
  SnapshotFile(std::span<const std::byte> bytes, std::string name);
  static bool is_snapshot(std::span<const std::byte> first_bytes);

  bool has(const std::string& section) const { return sections_.contains(section); }
  std::uint64_t rows(const std::string& section) const { return find(section).rows; }
  // All elements, decoded on all cores. Throws Error kFile where there is no such section, it is of another
  // width, or damaged.
  template <class T>
  LargeVector<T> column(const std::string& section) const {
    const Section& s = find(section, sizeof(T));
    LargeVector<T> out(s.rows);
    read(s, std::as_writable_bytes(std::span(out)));
    return out;
  }
  // As above, of exactly so many.
  template <class T>
  LargeVector<T> column(const std::string& section, std::uint64_t rows) const {
    if (find(section).rows != rows) fail(section, "it has not as many rows as those beside it");
    return column<T>(section);
  }
  // The elements [first, first + n) alone, of blocks that are within.
  template <class T>
  std::vector<T> range(const std::string& section, std::uint64_t first, std::uint64_t n) const {
    std::vector<T> out(n);
    read_range(find(section, sizeof(T)), first, std::as_writable_bytes(std::span(out)));
    return out;
  }
  std::vector<std::string> strings(const std::string& section) const;
  // One block of a column of bytes, at most kMostBlockBytes.
  std::vector<std::byte> block(const std::string& section, std::uint64_t number) const;
  std::uint64_t rows_per_block(const std::string& section) const { return find(section).rows_per_block; }

  // Throws the Error of a file that contradicts itself.
  [[noreturn]] void fail(const std::string& section, const std::string& why) const;
  const std::string& name() const { return name_; }
  std::uint64_t bytes() const { return source_.size; }
  std::vector<std::string> section_names() const;

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
    std::vector<Block> blocks;
  };
  const Section& find(const std::string& section, unsigned width = 0) const;
  void read(const Section& section, std::span<std::byte> out) const;
  void read_range(const Section& section, std::uint64_t first, std::span<std::byte> out) const;
  void read_block(const Section& section, std::uint64_t number, std::span<std::byte> out) const;
  void parse_table(std::span<const std::byte> table, std::uint64_t end);
  void limit_memory(std::uint64_t most_bytes) const;
  // Throws the Error of a file that ends before what its table promises.
  void read_bytes(std::uint64_t offset, std::span<std::byte> to) const;
  [[noreturn]] void fail(const std::string& why) const;

  const SnapshotSource source_;
  const std::string name_;
  std::map<std::string, Section> sections_;
};

}  // namespace heapglass
