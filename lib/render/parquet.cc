#include "lib/render/parquet.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <ostream>
#include <unordered_map>

#include "lib/base/error.h"
#include "lib/render/thrift_compact.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr std::string_view kMagic = "PAR1";
constexpr std::uint64_t kRowsOfGroup = 1 << 17;
constexpr std::size_t kPageBytes = 1 << 20;        // a page is ended when it has as many
constexpr std::size_t kLongestValue = 1 << 30;     // pages count their bytes with 31 bits
constexpr std::size_t kDictionaryBytes = 1 << 20;  // of a larger one the texts are written as they are
constexpr std::uint32_t kNull = 0xffffffff;

// The numbers that the format has for them.
enum ParquetType { kInt64 = 2, kDouble = 5, kByteArray = 6 };
enum Encoding { kPlain = 0, kRle = 3, kRleDictionary = 8 };
enum PageType { kDataPage = 0, kDictionaryPage = 2 };
constexpr int kOptional = 1, kUtf8 = 0, kZstd = 6;

ParquetType parquet_type_of(const QueryColumn& column) {
  return column.type == "TEXT" ? kByteArray : column.type == "REAL" ? kDouble : kInt64;
}

void append_number(std::string& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> 8 * i);
}

struct ZstdDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// What the footer says of one column of one row group.
struct Chunk {
  std::uint64_t data_offset = 0, dictionary_offset = 0;  // of the first pages; no dictionary: 0
  std::uint64_t values = 0, bytes = 0, compressed = 0;   // with the pages' headers
};
struct RowGroup {
  std::uint64_t rows = 0;
  std::vector<Chunk> chunks;
};

// Whether there are values, 0 or 1 for each row of a page, as runs.
class Levels {
 public:
  void add(bool there) {
    if (count_ > 0 && there != last_) end_run();
    last_ = there;
    ++run_;
    ++count_;
  }
  std::uint64_t count() const { return count_; }
  // Begins the next page.
  std::string take() {
    if (run_) end_run();
    std::string out;
    append_number(out, runs_.size(), 4);
    out += runs_;
    *this = Levels();
    return out;
  }

 private:
  void end_run() {
    ThriftCompact::varint(runs_, run_ << 1);
    runs_ += static_cast<char>(last_);
    run_ = 0;
  }
  std::string runs_;
  std::uint64_t run_ = 0, count_ = 0;
  bool last_ = false;
};

class ParquetWriter {
 public:
  ParquetWriter(QueryTable& table, std::ostream& out)
      : table_(table), columns_(table.columns()), out_(out), context_(ZSTD_createCCtx()) {
    if (!context_) throw std::bad_alloc();
  }
  void write() {
    put(kMagic);
    for (std::uint64_t first = 0, rows = table_.rows(); first < rows; first += kRowsOfGroup) {
      const std::uint64_t end = std::min(first + kRowsOfGroup, rows);
      groups_.push_back({.rows = end - first, .chunks = {}});
      for (int column = 0; column < static_cast<int>(columns_.size()); ++column) {
        chunk_ = {};
        if (parquet_type_of(columns_[static_cast<std::size_t>(column)]) == kByteArray)
          write_texts(column, first, end);
        else
          write_numbers(column, first, end);
        groups_.back().chunks.push_back(chunk_);
      }
    }
    write_footer();
  }

 private:
  void put(std::string_view bytes) {
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    at_ += bytes.size();
  }

  void write_page(PageType type, Encoding encoding, std::uint64_t values, const std::string& content) {
    compressed_.resize(ZSTD_compressBound(content.size()));
    const std::size_t size = ZSTD_compressCCtx(context_.get(), compressed_.data(), compressed_.size(),
                                               content.data(), content.size(), ZSTD_CLEVEL_DEFAULT);
    if (ZSTD_isError(size))
      throw Error(ErrorKind::kFile, std::string("cannot compress a page: ") + ZSTD_getErrorName(size));
    ThriftCompact header;
    header.i32(1, type);
    header.i32(2, static_cast<std::int32_t>(content.size()));
    header.i32(3, static_cast<std::int32_t>(size));
    header.begin_struct(type == kDataPage ? 5 : 7);
    header.i32(1, static_cast<std::int32_t>(values));
    header.i32(2, encoding);
    if (type == kDataPage) {
      header.i32(3, kRle);
      header.i32(4, kRle);
    }
    header.end_struct();
    header.end();
    std::uint64_t& offset = type == kDataPage ? chunk_.data_offset : chunk_.dictionary_offset;
    if (!offset) offset = at_;
    put(header.bytes());
    put({compressed_.data(), size});
    chunk_.bytes += header.bytes().size() + content.size();
    chunk_.compressed += header.bytes().size() + size;
    if (type == kDataPage) chunk_.values += values;
  }

  // The values that are there lie in page_.
  void end_page(Encoding encoding) {
    const std::uint64_t values = levels_.count();
    if (!values) return;
    std::string content = levels_.take();
    content += page_;
    write_page(kDataPage, encoding, values, content);
    page_.clear();
  }

  void write_numbers(int column, std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t row = first; row < end; ++row) {
      const QueryValue value = table_.value(row, column);
      levels_.add(value.index() != 0);
      if (const auto* n = std::get_if<std::int64_t>(&value))
        append_number(page_, static_cast<std::uint64_t>(*n), 8);
      else if (const auto* d = std::get_if<double>(&value))
        append_number(page_, std::bit_cast<std::uint64_t>(*d), 8);
      if (page_.size() >= kPageBytes) end_page(kPlain);
    }
    end_page(kPlain);
  }

  void add_text(const std::string* text) {
    levels_.add(text != nullptr);
    if (!text) return;
    if (text->size() > kLongestValue)
      throw Error(ErrorKind::kFile,
                  "a text of " + std::to_string(text->size()) + " bytes is too long for a page of Parquet");
    append_number(page_, text->size(), 4);
    page_ += *text;
    if (page_.size() >= kPageBytes) end_page(kPlain);
  }

  static std::optional<std::string> text_of(const QueryValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return valid_utf8(*text);
    if (const auto* view = std::get_if<std::string_view>(&value)) return valid_utf8(*view);
    return std::nullopt;
  }

  void write_texts(int column, std::uint64_t first, std::uint64_t end) {
    std::unordered_map<std::string, std::uint32_t> numbers;
    std::vector<const std::string*> dictionary;  // in numbers, which leaves its keys where they are
    std::vector<std::uint32_t> indices;
    std::size_t bytes = 0;
    std::uint64_t row = first;
    for (; row < end && bytes <= kDictionaryBytes; ++row) {
      std::optional<std::string> text = text_of(table_.value(row, column));
      if (!text) {
        indices.push_back(kNull);
        continue;
      }
      const auto [at, is_new] =
          numbers.try_emplace(std::move(*text), static_cast<std::uint32_t>(dictionary.size()));
      if (is_new) {
        dictionary.push_back(&at->first);
        bytes += 4 + at->first.size();
      }
      indices.push_back(at->second);
    }
    if (row == end && dictionary.size() * 2 <= indices.size()) {
      write_by_dictionary(dictionary, indices);
      return;
    }
    for (const std::uint32_t index : indices) add_text(index == kNull ? nullptr : dictionary[index]);
    for (; row < end; ++row) {
      const std::optional<std::string> text = text_of(table_.value(row, column));
      add_text(text ? &*text : nullptr);
    }
    end_page(kPlain);
  }

  // Values of one page by their numbers in the dictionary, each of as many bits as the largest has.
  void write_by_dictionary(const std::vector<const std::string*>& dictionary,
                           const std::vector<std::uint32_t>& indices) {
    std::string content;
    for (const std::string* text : dictionary) {
      append_number(content, text->size(), 4);
      content += *text;
    }
    write_page(kDictionaryPage, kPlain, dictionary.size(), content);
    const int width = dictionary.size() < 2 ? 1 : std::bit_width(dictionary.size() - 1);
    std::uint64_t count = 0, waiting = 0;
    int bits = 0;
    std::string packed;
    for (const std::uint32_t index : indices) {
      levels_.add(index != kNull);
      if (index == kNull) continue;
      ++count;
      waiting |= static_cast<std::uint64_t>(index) << bits;
      for (bits += width; bits >= 8; bits -= 8, waiting >>= 8) packed += static_cast<char>(waiting);
    }
    if (bits > 0) packed += static_cast<char>(waiting);
    const std::uint64_t groups = (count + 7) / 8;  // of eight values
    packed.resize(groups * static_cast<std::uint64_t>(width));
    page_ += static_cast<char>(width);
    ThriftCompact::varint(page_, groups << 1 | 1);
    page_ += packed;
    end_page(kRleDictionary);
  }

  void write_footer() {
    ThriftCompact footer;
    footer.i32(1, 1);
    footer.begin_list_of_structs(2, columns_.size() + 1);
    footer.begin_struct_in_list();
    footer.text(4, "schema");
    footer.i32(5, static_cast<std::int32_t>(columns_.size()));
    footer.end_struct();
    for (const QueryColumn& column : columns_) {
      footer.begin_struct_in_list();
      footer.i32(1, parquet_type_of(column));
      footer.i32(3, kOptional);
      footer.text(4, column.name);
      if (parquet_type_of(column) == kByteArray) footer.i32(6, kUtf8);
      footer.end_struct();
    }
    std::uint64_t rows = 0;
    for (const RowGroup& group : groups_) rows += group.rows;
    footer.i64(3, static_cast<std::int64_t>(rows));
    footer.begin_list_of_structs(4, groups_.size());
    for (const RowGroup& group : groups_) add_group(group, footer);
    footer.text(6, "heapglass");
    footer.end();
    put(footer.bytes());
    std::string end;
    append_number(end, footer.bytes().size(), 4);
    put(end);
    put(kMagic);
  }

  void add_group(const RowGroup& group, ThriftCompact& footer) const {
    std::uint64_t bytes = 0;
    footer.begin_struct_in_list();
    footer.begin_list_of_structs(1, columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Chunk& chunk = group.chunks[i];
      bytes += chunk.bytes;
      footer.begin_struct_in_list();
      footer.i64(2, 0);  // nothing of the column lies in another place
      footer.begin_struct(3);
      footer.i32(1, parquet_type_of(columns_[i]));
      footer.begin_list_of_i32(2, 3);
      for (const Encoding encoding : {kPlain, kRle, kRleDictionary}) footer.i32_in_list(encoding);
      footer.begin_list_of_texts(3, 1);
      footer.text_in_list(columns_[i].name);
      footer.i32(4, kZstd);
      footer.i64(5, static_cast<std::int64_t>(chunk.values));
      footer.i64(6, static_cast<std::int64_t>(chunk.bytes));
      footer.i64(7, static_cast<std::int64_t>(chunk.compressed));
      footer.i64(9, static_cast<std::int64_t>(chunk.data_offset));
      if (chunk.dictionary_offset) footer.i64(11, static_cast<std::int64_t>(chunk.dictionary_offset));
      footer.end_struct();
      footer.end_struct();
    }
    footer.i64(2, static_cast<std::int64_t>(bytes));
    footer.i64(3, static_cast<std::int64_t>(group.rows));
    footer.end_struct();
  }

  QueryTable& table_;
  const std::vector<QueryColumn> columns_;
  std::ostream& out_;
  const std::unique_ptr<ZSTD_CCtx, ZstdDeleter> context_;
  std::uint64_t at_ = 0;  // bytes written
  std::vector<RowGroup> groups_;
  Chunk chunk_;       // that is being written
  Levels levels_;     // of its page
  std::string page_;  // its values
  std::string compressed_;
};

}  // namespace

void write_parquet(QueryTable& table, std::ostream& out) { ParquetWriter(table, out).write(); }

}  // namespace heapglass
