#include "lib/render/pprof.h"

#include <zlib.h>

#include <ostream>
#include <string>

#include "lib/base/error.h"
#include "lib/render/profile.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

// Protocol buffers: a field is its number and wire type, then a varint or a length and bytes.
class Message {
 public:
  void number(unsigned field, std::uint64_t value) {
    varint(field << 3);
    varint(value);
  }
  void bytes(unsigned field, const std::string& value) {
    varint(field << 3 | 2);
    varint(value.size());
    text_ += value;
  }
  void message(unsigned field, const Message& value) { bytes(field, value.text_); }
  void varint(std::uint64_t value) {
    for (; value > 127; value >>= 7) text_ += static_cast<char>(value | 128);
    text_ += static_cast<char>(value);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string gzipped(const std::string& text) {
  z_stream z{};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error(ErrorKind::kFile, "cannot compress the profile");
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int result = text.size() >> 32 ? Z_BUF_ERROR : deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  if (result != Z_STREAM_END) throw Error(ErrorKind::kFile, "cannot compress the profile");
  return out;
}

}  // namespace

// Field numbers: profile.proto.
Warnings render_pprof(const Document& document, const RenderOptions&, std::ostream& out) {
  const Profile& profile = profile_of(document, "pprof");
  Message all;
  // The string table begins with the empty string, then what the values are, then the frames.
  constexpr std::uint64_t kObjects = 1, kCount = 2, kSpace = 3, kUnit = 4, kFirstFrame = 5;
  for (const auto& [type, unit] : {std::pair{kObjects, kCount}, std::pair{kSpace, kUnit}}) {
    Message value_type;
    value_type.number(1, type);
    value_type.number(2, unit);
    all.message(1, value_type);  // sample_type
  }
  for (const ProfileSample& s : profile.samples) {
    Message sample, locations, values;
    for (std::size_t i = s.stack.size(); i-- > 0;)
      locations.varint(std::uint64_t{s.stack[i]} + 1);  // leaf first
    values.varint(s.count);
    values.varint(s.weight);
    sample.message(1, locations);
    sample.message(2, values);
    all.message(2, sample);
  }
  for (std::uint64_t i = 0; i < profile.frames.size(); ++i) {
    Message line, location, function;
    line.number(1, i + 1);
    location.number(1, i + 1);
    location.message(4, line);
    all.message(4, location);
    function.number(1, i + 1);
    function.number(2, kFirstFrame + i);
    function.number(3, kFirstFrame + i);
    all.message(5, function);
  }
  for (const std::string& text :
       {std::string(), std::string("objects"), std::string("count"), std::string("space"), profile.unit})
    all.bytes(6, text);
  for (const std::string& frame : profile.frames) all.bytes(6, printable(frame));
  all.number(14, kSpace);  // default_sample_type
  const std::string file = gzipped(all.text());
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  return {};
}

}  // namespace heapglass
