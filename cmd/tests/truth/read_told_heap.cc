#include <algorithm>
#include <cctype>
#include <cstring>
#include <fstream>
#include <limits>
#include <string_view>

#include "cmd/tests/truth/told_heap.h"
#include "lib/render/utf8.h"

namespace heapglass::truth {
namespace {

constexpr std::string_view kTruth = "heapglass truth 1, Python ";
constexpr std::int64_t kImmortal = 1 << 28;  // what counts as high as this does not count

// The blocks that the documentation of truth.py lists.
class TruthReader {
 public:
  TruthReader(std::string_view rest, TypeNames& types) : rest_(rest), types_(types) {}

  ToldHeap read() {
    ToldHeap heap;
    heap.python = rest_.substr(0, rest_.find('\n'));
    take(std::min(rest_.size(), heap.python.size() + 1));
    for (;;) {
      switch (word()) {
        case 1:
          read_class();
          break;
        case 2:
          read_objects(heap);
          break;
        case 3:
          read_words(word(), heap.ours);
          break;
        case 4:
          if (static_cast<std::uint64_t>(word()) != heap.objects.size())
            throw Unusable("objects are missing");
          if (!rest_.empty()) throw Unusable("there is something behind the end");
          return heap;
        default:
          throw Unusable("there is a block of an unknown kind");
      }
    }
  }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) throw Unusable("it is cut off");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::int64_t word() {
    std::int64_t word;
    std::memcpy(&word, take(sizeof word).data(), sizeof word);
    return word;
  }
  template <class Word>
  void read_words(std::int64_t count, std::vector<Word>& to) {
    if (count < 0 || static_cast<std::uint64_t>(count) > rest_.size() / sizeof(Word))
      throw Unusable("it is cut off");
    const std::size_t before = to.size(), added = static_cast<std::size_t>(count);
    to.resize(before + added);
    if (added) std::memcpy(&to[before], take(added * sizeof(Word)).data(), added * sizeof(Word));
  }

  void read_class() {
    const std::int64_t cls = word(), bytes = word();
    const std::string name(take(static_cast<std::uint64_t>(bytes)));
    if (!classes_.try_emplace(cls, types_.number_of(name)).second) throw Unusable("a class is there twice");
  }

  void read_objects(ToldHeap& heap) {
    const std::int64_t count = word(), held = word(), references = word();
    std::vector<std::int64_t> ids, classes, sizes, refcounts, lengths;
    for (auto* column : {&ids, &classes, &sizes, &refcounts, &lengths}) read_words(count, *column);
    const std::string_view tracked = take(static_cast<std::uint64_t>(count));
    std::uint64_t first = heap.references.size();
    read_words(references, heap.references);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto type = classes_.find(classes[i]);
      if (type == classes_.end()) throw Unusable("a class has no name");
      ToldObject each;
      each.id = static_cast<std::uint64_t>(ids[i]);
      each.type = type->second;
      each.tracked = tracked[i] != 0;
      each.references_known = lengths[i] >= 0;
      if (sizes[i] >= 0) each.size = sizes[i];
      if (refcounts[i] - held < kImmortal) each.refcount = refcounts[i] - held;
      each.first_reference = first;
      each.references = static_cast<std::uint64_t>(std::max<std::int64_t>(lengths[i], 0));
      if (each.references > heap.references.size() - first) throw Unusable("references are missing");
      first += each.references;
      heap.objects.push_back(each);
    }
    if (first != heap.references.size()) throw Unusable("there are references of no object");
  }

  std::string_view rest_;
  TypeNames& types_;
  std::unordered_map<std::int64_t, std::uint32_t> classes_;
};

// Lines of JSON. Those of objects hold numbers, booleans, one string and lists of numbers; what else comes is
// no export of heapglass.
class ExportReader {
 public:
  ExportReader(std::string_view text, TypeNames& types, bool guesses)
      : text_(text), types_(types), guesses_(guesses) {}

  ToldHeap read() {
    ToldHeap heap;
    while (at_ < text_.size()) {
      const std::size_t begin = at_, end = text_.find('\n', begin);
      try {
        if (end == std::string_view::npos) fail("is cut off");
        if (text_.substr(begin).starts_with(R"({"kind":"object",)")) {
          read_object(heap);
          if (at_ != end) fail("does not end with its object");
        } else if (!text_.substr(begin).starts_with(R"({"kind":"header",)") || begin != 0) {
          fail("is of no kind that is known");
        }
      } catch (const Unusable& problem) {
        const auto number =
            std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(begin), '\n');
        throw Unusable("line " + std::to_string(number + 1) + " " + problem.what() + ": " +
                       std::string(text_.substr(begin, 60)));
      }
      at_ = end + 1;
    }
    if (heap.objects.empty()) throw Unusable("it has no objects");
    return heap;
  }

 private:
  [[noreturn]] static void fail(const char* why) { throw Unusable(why); }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool taken(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void take(char c) {
    if (!taken(c)) fail("is not as an export is written");
  }
  bool taken(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  std::uint64_t number() {
    const std::size_t begin = at_;
    std::uint64_t number = 0;
    for (; std::isdigit(static_cast<unsigned char>(peek())); ++at_) {
      const auto digit = static_cast<std::uint64_t>(peek() - '0');
      if (number > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) fail("has too large a number");
      number = 10 * number + digit;
    }
    if (at_ == begin || (text_[begin] == '0' && at_ != begin + 1)) fail("lacks a number");
    return number;
  }
  template <class Take>
  void each_of_list(Take&& take_one) {
    take('[');
    if (taken(']')) return;
    do take_one(number());
    while (taken(','));
    take(']');
  }

  char32_t escaped_unit() {
    char32_t unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const unsigned char c = static_cast<unsigned char>(peek());
      if (!std::isxdigit(c)) fail("has a wrong escape");
      unit = 16 * unit + static_cast<char32_t>(std::isdigit(c) ? c - '0' : std::tolower(c) - 'a' + 10);
    }
    return unit;
  }
  void read_escape(std::string& to) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    if (taken('u')) {
      char32_t point = escaped_unit();
      if (point >= 0xD800 && point < 0xDC00 && taken(std::string_view("\\u"))) {
        const char32_t low = escaped_unit();
        if (low < 0xDC00 || low > 0xDFFF) fail("has half of a pair of surrogates before something else");
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
      }
      append_utf8(to, point);
      return;
    }
    const std::size_t letter = kLetters.find(peek());
    if (letter == std::string_view::npos) fail("has a wrong escape");
    to += kMeant[letter];
    ++at_;
  }
  static bool is_plain(unsigned char c) { return c >= ' ' && c < 0x7F && c != '"' && c != '\\'; }
  std::string string() {
    std::string text;
    take('"');
    while (!taken('"')) {
      if (const std::size_t begin = at_; is_plain(static_cast<unsigned char>(peek()))) {
        while (is_plain(static_cast<unsigned char>(peek()))) ++at_;
        text += text_.substr(begin, at_ - begin);
        continue;
      }
      if (static_cast<unsigned char>(peek()) < 0x20) fail("has a control character or an open string");
      if (taken('\\')) {
        read_escape(text);
        continue;
      }
      const CodePoint point = decode_utf8(text_.substr(at_));
      if (!point.valid || point.surrogate) fail("is not UTF-8");
      text += text_.substr(at_, point.bytes);
      at_ += point.bytes;
    }
    return text;
  }

  void read_object(ToldHeap& heap) {
    static constexpr std::string_view kKeys[] = {"kind", "id",   "type",         "size",      "refcount",
                                                 "gc",   "refs", "guessed_refs", "word_refs", "external"};
    enum { kKind, kId, kType, kSize, kRefcount, kGc, kRefs, kGuessed };
    ToldObject object;
    object.first_reference = heap.references.size();
    unsigned met = 0;
    const auto add = [&](std::uint64_t reference) { heap.references.push_back(reference); };
    const auto pass = [](std::uint64_t) {};
    take('{');
    do {
      const std::string key = string();
      take(':');
      const auto known =
          static_cast<std::size_t>(std::find(std::begin(kKeys), std::end(kKeys), key) - std::begin(kKeys));
      if (known == std::size(kKeys)) fail("has an unknown key");
      if (met & 1U << known) fail("has a key twice");
      met |= 1U << known;
      switch (known) {
        case kKind:
          string();
          break;
        case kId:
          object.id = number();
          break;
        case kType:
          object.type = types_.number_of(string());
          break;
        case kSize:
          object.size = static_cast<std::int64_t>(number());
          break;
        case kRefcount:
          object.refcount = static_cast<std::int64_t>(number());
          break;
        case kGc:
          object.tracked = taken(std::string_view("true"));
          if (!object.tracked && !taken(std::string_view("false")))
            fail("does not say whether it is tracked");
          break;
        case kRefs:
          each_of_list(add);
          break;
        case kGuessed:
          guesses_ ? each_of_list(add) : each_of_list(pass);
          break;
        default:
          peek() == '[' ? each_of_list(pass) : pass(number());
      }
    } while (taken(','));
    take('}');
    constexpr unsigned kNeeded = (1U << kGuessed) - 1;
    if ((met & kNeeded) != kNeeded) fail("lacks a key");
    object.references = heap.references.size() - object.first_reference;
    heap.objects.push_back(object);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  TypeNames& types_;
  bool guesses_;
};

}  // namespace

ToldHeap read_told_heap(const std::string& path, TypeNames& types, bool guesses) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::string text(file ? static_cast<std::size_t>(file.tellg()) : 0, '\0');
  if (!file.seekg(0) || !file.read(text.data(), static_cast<std::streamsize>(text.size())))
    throw Unusable(path + " cannot be read");
  try {
    const std::string_view view = text;
    return view.starts_with(kTruth) ? TruthReader(view.substr(kTruth.size()), types).read()
                                    : ExportReader(view, types, guesses).read();
  } catch (const Unusable& problem) {
    throw Unusable(path + ": " + problem.what());
  }
}

}  // namespace heapglass::truth
