#include "lib/render/pprof.h"

#include <zlib.h>

#include <limits>
#include <ostream>
#include <string>
#include <unordered_map>
#include <vector>

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

class ProfileFile {
 public:
  explicit ProfileFile(std::span<const PprofView> views) : views_(views) {}

  std::string made_at(std::int64_t seconds) {
    for (const PprofView& view : views_) {
      add_value_type(view.objects, "count");
      add_value_type(view.space, view.profile.unit);
    }
    for (std::size_t i = 0; i < views_.size(); ++i) add_samples(i);
    add_frames();
    for (const std::string& text : texts_.in_order()) all_.bytes(6, text);
    constexpr std::int64_t kNanoseconds = 1'000'000'000;
    if (seconds > 0 && seconds < std::numeric_limits<std::int64_t>::max() / kNanoseconds)
      all_.number(9, static_cast<std::uint64_t>(seconds * kNanoseconds));
    all_.number(14, texts_.number_of(std::string(views_.front().space)));  // default_sample_type
    return gzipped(all_.text());
  }

 private:
  // The string table begins with the empty string.
  class Texts {
   public:
    Texts() { number_of(""); }
    std::uint64_t number_of(const std::string& text) {
      const auto [at, is_new] = numbers_.try_emplace(text, order_.size());
      if (is_new) order_.push_back(text);
      return at->second;
    }
    const std::vector<std::string>& in_order() const { return order_; }

   private:
    std::unordered_map<std::string, std::uint64_t> numbers_;
    std::vector<std::string> order_;
  };

  void add_value_type(std::string_view type, const std::string& unit) {
    Message value_type;
    value_type.number(1, texts_.number_of(std::string(type)));
    value_type.number(2, texts_.number_of(unit));
    all_.message(1, value_type);  // sample_type
  }

  // A frame of two views is one function.
  void add_samples(std::size_t number) {
    const Profile& profile = views_[number].profile;
    std::vector<std::uint64_t> ids;
    ids.reserve(profile.frames.size());
    for (const std::string& frame : profile.frames) {
      const auto [at, is_new] =
          functions_.try_emplace(texts_.number_of(printable(frame)), functions_.size() + 1);
      if (is_new) names_.push_back(at->first);
      ids.push_back(at->second);
    }
    for (const ProfileSample& s : profile.samples) {
      Message sample, locations, values;
      for (std::size_t i = s.stack.size(); i-- > 0;) locations.varint(ids[s.stack[i]]);  // leaf first
      for (std::size_t i = 0; i < views_.size(); ++i) {
        values.varint(i == number ? s.count : 0);
        values.varint(i == number ? s.weight : 0);
      }
      sample.message(1, locations);
      sample.message(2, values);
      all_.message(2, sample);
    }
  }

  void add_frames() {
    for (std::uint64_t id = 1; id <= names_.size(); ++id) {
      Message line, location, function;
      line.number(1, id);
      location.number(1, id);
      location.message(4, line);
      all_.message(4, location);
      function.number(1, id);
      function.number(2, names_[id - 1]);
      function.number(3, names_[id - 1]);
      all_.message(5, function);
    }
  }

  std::span<const PprofView> views_;
  Message all_;
  Texts texts_;
  std::unordered_map<std::uint64_t, std::uint64_t> functions_;  // ids, by the name in the string table
  std::vector<std::uint64_t> names_;                            // of functions, by id
};

}  // namespace

// Field numbers: profile.proto.
std::string pprof_file(std::span<const PprofView> views, std::int64_t seconds) {
  return ProfileFile(views).made_at(seconds);
}

Warnings render_pprof(const Document& document, const RenderOptions&, std::ostream& out) {
  const PprofView view{"objects", "space", profile_of(document, "pprof")};
  const std::string file = pprof_file({&view, 1}, 0);
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  return {};
}

}  // namespace heapglass
