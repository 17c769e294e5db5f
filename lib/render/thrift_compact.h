// Apache Thrift's compact protocol, as much of it as the headers of a Parquet file take: fields of a struct
// in ascending order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace heapglass {

class ThriftCompact {
 public:
  const std::string& bytes() const { return out_; }

  void i32(int field, std::int32_t value) {
    begin(field, kI32);
    zigzag(value);
  }
  void i64(int field, std::int64_t value) {
    begin(field, kI64);
    zigzag(value);
  }
  void text(int field, std::string_view value) {
    begin(field, kBinary);
    text_in_list(value);
  }
  void begin_struct(int field) {
    begin(field, kStruct);
    begin_struct_in_list();
  }
  // The elements follow: *_in_list(), or begin_struct_in_list() to end_struct() for each.
  void begin_list_of_i32(int field, std::size_t size) { begin_list(field, kI32, size); }
  void begin_list_of_texts(int field, std::size_t size) { begin_list(field, kBinary, size); }
  void begin_list_of_structs(int field, std::size_t size) { begin_list(field, kStruct, size); }
  void i32_in_list(std::int32_t value) { zigzag(value); }
  void text_in_list(std::string_view value) {
    varint(value.size());
    out_ += value;
  }
  void begin_struct_in_list() { before_ += static_cast<char>(std::exchange(last_, 0)); }
  void end_struct() {
    out_ += '\0';
    last_ = before_.back();
    before_.pop_back();
  }
  // Of the outermost struct, which was not begun.
  void end() { out_ += '\0'; }

  static void varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  }

 private:
  enum Type : std::uint8_t { kI32 = 5, kI64 = 6, kBinary = 8, kList = 9, kStruct = 12 };
  void begin(int field, Type type) {
    out_ += static_cast<char>((field - last_) << 4 | type);  // no header skips more than 15 fields
    last_ = field;
  }
  void begin_list(int field, Type type, std::size_t size) {
    begin(field, kList);
    if (size < 15) {
      out_ += static_cast<char>(size << 4 | type);
    } else {
      out_ += static_cast<char>(0xf0 | type);
      varint(size);
    }
  }
  void zigzag(std::int64_t value) {
    varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
  }
  void varint(std::uint64_t value) { varint(out_, value); }

  std::string out_;
  int last_ = 0;
  std::string before_;  // the last fields of the structs around this one
};

}  // namespace heapglass
