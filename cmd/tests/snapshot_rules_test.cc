// content_rules() against processes: of every object, what each rule says of its bytes is what the file has;
// and whatever word the file has is the process' own, unless a rule says what stands there instead. Nobody
// who reads the file gets what is not in it.

// clang-format off: before python_program.h, whose kPrograms an enumerator in there would shadow.
#include "lib/open/open_heap.h"
// clang-format on

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <unordered_map>

#include "cmd/tests/python_program.h"
#include "lib/python/content.h"
#include "lib/python/python_repr.h"
#include "lib/snapshot/content_parts.h"
#include "lib/snapshot/read_recorder.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kCut = 20;  // not a multiple of 8
constexpr std::size_t kShown = 5;   // of what is wrong

// What rules say of a word; all others have to be the process' own.
struct Instead {
  bool is_zero = false, may_be_zero = false;
  std::optional<std::uint64_t> number;
  // Of a word in which a value ends: how many of its bytes stay. One in which only the beginning of a value
  // ends may be whole, where it is exempt.
  std::vector<unsigned> bytes;
  bool may_be_whole = false;
  bool allows(std::uint64_t there, std::uint64_t here) const {
    if (is_zero) return here == 0;
    if (number) return here == *number;
    if (may_be_zero && here == 0) return true;
    const auto is_cut_there = [&](unsigned n) { return here == (there & ((std::uint64_t{1} << n * 8) - 1)); };
    return ((bytes.empty() || may_be_whole) && here == there) ||
           std::any_of(bytes.begin(), bytes.end(), is_cut_there);
  }
};

std::string name_of(const ContentRule& rule) {
  return std::string(rule.bytes) + " of " + std::string(rule.whose);
}

class SnapshotRules : public testing::TestWithParam<Interpreter> {
 protected:
  SnapshotRules() : program_(GetParam().path, "snapshot_rules.py") {
    kill(program_.pid(), SIGSTOP);
    while (program_.state() != 'T') usleep(1000);
    heap_ = open(program_.target());
    parts_ = std::make_unique<ContentParts>(*heap_);
    for (const PyInterpreter& interpreter : heap_->interpreters())
      for (const PyThread& thread : interpreter.threads) thread_numbers_.insert(thread.thread_id);
  }
  ~SnapshotRules() override { kill(program_.pid(), SIGCONT); }

  static std::unique_ptr<Heap> open(const std::string& target) {
    CommonOptions options;
    options.target = target;
    options.more_captures = true;  // the test keeps its rights
    return open_heap(options, {});
  }
  std::unique_ptr<Heap> snapshot(const std::vector<std::string>& options) const {
    const std::string file = folder_.file("moment.hg");
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "snapshot", program_.target(), "-o", file};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome taken = run_command(command);
    EXPECT_EQ(taken.status, 0) << taken.err;
    return open(file);
  }

  // Calls visit(node, address, rule, bytes) for every part of every object of the process.
  template <class Visit>
  void each_part(Visit visit) const {
    const AddressIndex& objects = *heap_->graph().index;
    for (std::uint32_t n = 0; n < heap_->graph().nodes(); ++n) {
      const Address a = objects.address(NodeId{n});
      parts_->each(n, a, parts_->next_block(a),
                   [&](const ContentRule& rule, Bytes bytes) { visit(n, a, rule, bytes); });
    }
  }
  // A value that the program calls one.
  bool is_secret(Address a) const {
    const TypeInfo* const type = heap_->types().get(heap_->objects().type_of(a));
    const auto bytes = type ? value_bytes(heap_->objects(), a, *type, 1 << 20) : std::nullopt;
    return bytes && bytes->substr(1).starts_with("secret");
  }
  bool may_be_known(Address a) const {
    constexpr std::int64_t kMostFields = 10'000;
    const auto number = small_int(heap_->objects(), a);
    return number && (*number < kMostFields || thread_numbers_.contains(static_cast<std::uint64_t>(*number)));
  }
  // Whether what the rule hides may be in the file for what it is.
  bool may_be_exempt(const ContentRule& rule, Address a) const {
    if (rule.exempt == Exempt::kNone || is_secret(a)) return false;
    if (rule.exempt == Exempt::kThreadNumbers) {
      const auto number = small_int(heap_->objects(), a);
      return number && thread_numbers_.contains(static_cast<std::uint64_t>(*number));
    }
    return rule.exempt != Exempt::kKnownNumbers || may_be_known(a);
  }

  Address state_of(Address text) const {
    return text + static_cast<std::uint64_t>(heap_->objects().layout().PyASCIIObject.state);
  }
  // Not the characters themselves, but a copy of them.
  bool is_copy(const ContentRule& rule, Address a, Address start) const {
    const PyLayout& l = heap_->objects().layout();
    return rule.part == Part::kCharacters &&
           (start == heap_->objects().pointer(a, l.PyCompactUnicodeObject.utf8) ||
            start == heap_->objects().pointer(a, l.PyASCIIObject.wstr));
  }

  using Words = std::unordered_map<std::uint64_t, Instead>;
  static void ends_at(Words& words, Address end) {
    if (value(end) % 8) words[value(end) / 8 * 8].bytes.push_back(static_cast<unsigned>(value(end) % 8));
  }
  // Every word that the file has, against the process.
  void expect_own_words(const Image& file, const Words& instead) const {
    const Image& process = *heap_->capture().image;
    std::uint64_t words = 0, wrong = 0;
    std::string told;
    for (const Image::Segment& s : file.segments())
      for (Address a = s.start; a < s.start + s.size; a = a + 8) {
        std::uint64_t here, there;
        if (!file.load(a, here)) continue;
        ++words;
        const bool captured = process.load(a, there);
        const auto rule = instead.find(value(a));
        if (captured && (rule == instead.end() ? here == there : rule->second.allows(there, here))) continue;
        if (++wrong <= kShown)
          told += to_hex(a) + ": " + to_hex(Address{here}) + " for " + to_hex(Address{there}) + "\n";
      }
    EXPECT_GT(words, 50'000u);
    EXPECT_EQ(wrong, 0u) << told;
  }
  void expect_cases(std::map<const ContentRule*, std::uint64_t> cases) const {
    const bool old = !heap_->python().rules.int_tag;
    for (const ContentRule& rule : content_rules()) {
      // Those that not every interpreter has: of types of extensions, and of versions.
      if (rule.of == Subject::kUnknown || (rule.of == Subject::kIntWithDict && !old) ||
          (rule.of == Subject::kCode && heap_->objects().layout().PyCodeObject.co_code_adaptive == kAbsent))
        continue;
      EXPECT_GT(cases[&rule], 0u) << name_of(rule);
    }
  }

  const TemporaryFolder folder_;
  PythonProgram program_;
  std::unique_ptr<Heap> heap_;
  std::unique_ptr<ContentParts> parts_;
  std::set<std::uint64_t> thread_numbers_;
};

TEST_P(SnapshotRules, HoldWithoutValues) {
  const auto bare = snapshot({"--no-values"});
  const Image& file = *bare->capture().image;
  Words instead;
  std::map<const ContentRule*, std::uint64_t> cases;
  std::uint64_t wrong = 0, secrets = 0;
  std::string told;
  each_part([&](std::uint32_t, Address a, const ContentRule& rule, Bytes bytes) {
    ++cases[&rule];
    ends_at(instead, bytes.start + bytes.count);
    const Address end = bytes.start + bytes.count;
    for (Address word{value(bytes.start) / 8 * 8}; word < end; word = word + 8) {
      std::uint64_t there;
      switch (rule.redacted) {
        case Fate::kHidden:
          if (file.load(word, there) && !may_be_exempt(rule, a) && ++wrong <= kShown)
            told += name_of(rule) + " at " + to_hex(a) + "\n";
          if (rule.part == Part::kCharacters) {
            secrets += is_secret(a);
            instead[value(state_of(a))].bytes = {4};
          }
          break;
        case Fate::kZero:
          instead[value(word)].is_zero = true;
          break;
        case Fate::kCount:
          instead[value(word)].number = heap_->objects().item_count(a);
          break;
        case Fate::kAddresses:
          if (heap_->graph().index->find(heap_->objects().pointer(word, 0)) == kNoNode)
            instead[value(word)].may_be_zero = true;
          break;
        case Fate::kKept:
        case Fate::kBeginning:
          break;
      }
    }
  });
  EXPECT_EQ(wrong, 0u) << told;
  EXPECT_GT(secrets, 10u);
  expect_cases(cases);
  expect_own_words(file, instead);
}

TEST_P(SnapshotRules, HoldOfCutValues) {
  const auto cut = snapshot({"--cut-values", std::to_string(kCut)});
  const Image& file = *cut->capture().image;
  Words instead;
  std::map<const ContentRule*, std::uint64_t> cases;
  std::uint64_t wrong = 0;
  std::string told;
  each_part([&](std::uint32_t, Address a, const ContentRule& rule, Bytes bytes) {
    ++cases[&rule];
    const Address end = bytes.start + bytes.count;
    ends_at(instead, end);
    if (rule.cut == Fate::kZero) instead[value(bytes.start)].is_zero = true;
    if (rule.cut != Fate::kBeginning) return;
    if (rule.part == Part::kCharacters) instead[value(state_of(a))].bytes = {4};
    if (const Address middle = bytes.start + kCut; bytes.count > kCut && value(middle) % 8) {
      Instead& word = instead[value(middle) / 8 * 8];
      word.may_be_whole |= word.bytes.empty() && !is_secret(a);
      ends_at(instead, middle);
    }
    for (Address word = bytes.start; word < end && !(value(bytes.start) % 8); word = word + 8) {
      std::uint64_t there;
      const bool is_there = file.load(word, there);
      const bool is_behind = word - bytes.start >= kCut;
      if (is_behind && rule.redacted == Fate::kAddresses)
        instead[value(word)].may_be_zero = true;
      else if (is_behind && is_there && rule.redacted == Fate::kHidden && !may_be_exempt(rule, a) &&
               ++wrong <= kShown)
        told += name_of(rule) + " behind the cut at " + to_hex(a) + "\n";
      const bool is_value =
          rule.part == Part::kContents || (rule.part == Part::kCharacters && !is_copy(rule, a, bytes.start));
      if (!is_behind && !is_there && is_value && is_secret(a) && ++wrong <= kShown)
        told += name_of(rule) + " before the cut at " + to_hex(a) +
                " is not there: " + heap_->objects().str(a).value_or("") + "\n";
    }
  });
  EXPECT_EQ(wrong, 0u) << told;
  expect_cases(cases);
  expect_own_words(file, instead);
}

// A line is not made up where the table of lines is not there.
TEST_P(SnapshotRules, NoLineIsToldWithoutItsTable) {
  const Objects& objects = heap_->objects();
  const PyLayout& l = objects.layout();
  const std::int32_t field =
      l.PyCodeObject.co_linetable == kAbsent ? l.PyCodeObject.co_lnotab : l.PyCodeObject.co_linetable;
  const ReadRecorder recorder(heap_->capture().image, ReadRecorder::Unit::kWord);
  std::uint64_t frames = 0;
  for (const PyInterpreter& interpreter : heap_->interpreters())
    for (const PyThread& thread : interpreter.threads)
      for (const PyFrame& frame : thread.frames) {
        const Address table = objects.pointer(frame.code, field);
        if (frame.offset < 0 || objects.item_count(table) == 0) continue;
        ++frames;
        EXPECT_EQ(line_of(objects, frame.code, frame.offset), frame.line);
        const Address start = table + static_cast<std::uint64_t>(l.PyBytesObject.ob_sval);
        recorder.hide(start, objects.item_count(table));
        EXPECT_EQ(line_of(objects, frame.code, frame.offset), 0) << frame.function;
        recorder.reveal(start, objects.item_count(table));
      }
  EXPECT_GE(frames, 3u);
}

// A number of which only the first digits are there is none.
TEST_P(SnapshotRules, NoNumberIsToldByItsFirstDigits) {
  const auto cut = snapshot({"--cut-values", std::to_string(kCut)});
  std::uint64_t numbers = 0;
  each_part([&](std::uint32_t, Address a, const ContentRule& rule, Bytes bytes) {
    if (rule.part != Part::kDigits || bytes.count <= kCut + 8 || may_be_known(a)) return;
    ++numbers;
    const PythonRepr repr = python_repr(cut->types(), a, 1000);
    EXPECT_FALSE(repr.sure) << repr.text;
  });
  EXPECT_GE(numbers, 3u);
}

// Who asks for what is hidden is told that it is not there, and no answer makes a value of it.
TEST_P(SnapshotRules, NobodyGetsWhatIsHidden) {
  const auto bare = snapshot({"--no-values"});
  const Objects& objects = bare->objects();
  std::uint64_t hidden = 0, wrong = 0;
  std::string told;
  each_part([&](std::uint32_t, Address a, const ContentRule& rule, Bytes bytes) {
    if (rule.redacted != Fate::kHidden && rule.redacted != Fate::kCount) return;
    if (rule.part != Part::kCharacters && rule.part != Part::kContents && rule.part != Part::kDigits &&
        rule.part != Part::kNumber)
      return;
    std::uint64_t word;
    if (objects.image().load(Address{value(bytes.start) / 8 * 8}, word)) return;  // exempt: see above
    // An empty value is told by its length, and None by its type.
    if (value_bytes(heap_->objects(), a, *heap_->types().get(objects.type_of(a)), 1 << 20)
            .value_or("x")
            .size() == 1)
      return;
    ++hidden;
    const TypeInfo& type = *bare->types().get(objects.type_of(a));
    const PythonRepr repr = python_repr(bare->types(), a, 100);
    const bool is_refused = !objects.image().at(bytes.start, bytes.count);
    const bool is_told = value_bytes(objects, a, type, 1 << 20) || repr.sure;
    if ((!is_refused || is_told) && ++wrong <= kShown)
      told += name_of(rule) + " at " + to_hex(a) + ": " + repr.text + "\n";
  });
  EXPECT_GT(hidden, 1000u);
  EXPECT_EQ(wrong, 0u) << told;
}

INSTANTIATE_TEST_SUITE_P(Live, SnapshotRules, testing::ValuesIn(interpreters_of_the_day("SnapshotRules")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SnapshotRules);

}  // namespace
}  // namespace heapglass
