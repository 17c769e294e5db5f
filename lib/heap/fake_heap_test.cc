// The made-up heaps that the fuzz target damages: sound, every kind in them, and damage is counted.

#include "lib/python/fake_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "lib/heap/heap_exercise.h"
#include "lib/python/collector_lists.h"

namespace heapglass {
namespace {

class FakeHeaps : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(EveryLayout, FakeHeaps,
                         testing::ValuesIn(builtin_layout_versions().begin(),
                                           builtin_layout_versions().end()),
                         [](const auto& v) {
                           std::string name = version_text(v.param | 0xf0);
                           for (char& c : name)
                             if (c == '.') c = '_';
                           return name;
                         });

TEST_P(FakeHeaps, AreSound) {
  FakeHeap heap(GetParam());
  ASSERT_EQ(heap.python.self_check(*heap.image), "");
  const Objects objects(*heap.image, heap.python);
  const Limits limits;
  ReadErrors health;
  TypeTable types(objects, limits, health);
  const std::vector<PyInterpreter> interpreters = read_interpreters(objects, limits, health);
  ASSERT_EQ(interpreters.size(), 1u);
  ASSERT_EQ(interpreters[0].threads.size(), 2u);
  ASSERT_EQ(interpreters[0].threads[0].frames.size(), 2u);
  EXPECT_EQ(interpreters[0].threads[0].frames[0].file, "/app/made_up.py");
  BuildReport report;
  const HeapGraph graph = build_graph(heap.image, types, interpreters, {}, health, report);
  for (unsigned why = 0; why < static_cast<unsigned>(Skip::kCount); ++why)
    EXPECT_EQ(health.count(static_cast<Skip>(why)), 0u)
        << describe(static_cast<Skip>(why)) << " " << to_hex(health.example(static_cast<Skip>(why)));
  EXPECT_TRUE(report.lists_closed);
  for (const auto& [name, count] : report.unresolved) ADD_FAILURE() << name << " is unresolved";
  // Every body that a row of this release has is read somewhere, and tells references.
  std::set<TraverseRule> bodies;
  for (const auto& [name, at] : heap.instances) {
    const NodeId node = graph.index->find(at);
    ASSERT_NE(node, kNoNode) << name;
    const TypeInfo& info = *graph.types[graph.type[index(node)]].info;
    bodies.insert(info.body);
    const bool silent = info.body == TraverseRule::kNone || info.body == TraverseRule::kExecutor ||
                        info.body == TraverseRule::kMemoryView ||
                        (info.body == TraverseRule::kCapsule && heap.l().PyCapsule.traverse_func == kAbsent);
    EXPECT_TRUE(silent || !graph.referents(node).empty()) << name;
  }
  EXPECT_GT(bodies.size(), 20u);
}

void set_word(FakeHeap& heap, Address base, std::int32_t offset, std::uint64_t word, std::size_t size = 8) {
  std::memcpy(heap.at(base + static_cast<std::uint64_t>(offset)), &word, size);
}

// Words that say too much, nothing or something else, one at a time: under UBSan in scripts/check, this finds
// what a sum or a negation of them overflows.
TEST_P(FakeHeaps, SurviveTellingWords) {
  constexpr std::uint64_t kTelling[] = {1ull << 63, ~0ull >> 1, ~0ull,      0,          1ull << 40,
                                        0xff,       100'000,    0x80000000, 0x7fffffff, 0x7fffffff7fffffff};
  FakeHeap heap(GetParam());
  std::vector<Address> words = heap.words;
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  for (std::size_t i = GetParam() >> 8 & 15; i < words.size(); i += 23) {
    std::uint64_t sound;
    std::memcpy(&sound, heap.at(words[i]), 8);
    set_word(heap, words[i], 0, kTelling[i % std::size(kTelling)]);
    const HeapReading damaged = exercise_heap(heap.image, heap.python, 7);
    EXPECT_LE(damaged.references, heap.memory().size() / 2) << "word " << i;
    set_word(heap, words[i], 0, sound);
  }
}

TEST_P(FakeHeaps, AReferenceToNowhereIsCounted) {
  FakeHeap heap(GetParam());
  std::uint64_t items;
  std::memcpy(&items, heap.at(heap.a_list() + static_cast<std::uint64_t>(heap.l().PyListObject.ob_item)), 8);
  set_word(heap, Address{items}, 8, 0x10);
  EXPECT_GT(exercise_heap(heap.image, heap.python, 1).losses, 0u);
}

// Before there was a limit, the references were as many as the lists times the words of memory.
TEST_P(FakeHeaps, TuplesThatAllClaimAllOfMemory) {
  FakeHeap heap(GetParam());
  const Address end = FakeHeap::kStart + heap.memory().size();
  for (const Address object : heap.objects) {
    std::uint64_t type;
    std::memcpy(&type, heap.at(object + 8), 8);
    if (type == value(heap.types.at("tuple")))
      set_word(heap, object, heap.l().PyVarObject.ob_size, (end - object) / 8 - 8);
  }
  const HeapReading damaged = exercise_heap(heap.image, heap.python, 5);
  ASSERT_TRUE(damaged.is_python);
  EXPECT_GT(damaged.losses, 0u);
  EXPECT_LE(damaged.references, heap.memory().size() / 8 * 4 + 4 * 4096 + 256);
}

// A code object whose number of locals is damaged, and frames that run it.
TEST_P(FakeHeaps, FramesHaveNoMoreLocalsThanRoom) {
  FakeHeap heap(GetParam());
  const auto& c = heap.l().PyCodeObject;
  set_word(heap, heap.instances.at("code"), c.co_nlocalsplus != kAbsent ? c.co_nlocalsplus : c.co_nlocals,
           1 << 20, 4);
  const HeapReading damaged = exercise_heap(heap.image, heap.python, 1);
  ASSERT_TRUE(damaged.is_python);
  EXPECT_GE(damaged.losses, 2u) << "a frame of each thread";
}

TEST_P(FakeHeaps, LocalsLessThanNone) {
  FakeHeap heap(GetParam());
  const auto& c = heap.l().PyCodeObject;
  set_word(heap, heap.instances.at("code"), c.co_nlocalsplus != kAbsent ? c.co_nlocalsplus : c.co_nlocals,
           0x80000000, 4);
  EXPECT_TRUE(exercise_heap(heap.image, heap.python, 1).is_python);  // UBSan had something to say
}

// A mask says how many entries there are: a set of 2^63 took its time.
TEST_P(FakeHeaps, ASetLargerThanMemoryIsWrittenShort) {
  FakeHeap heap(GetParam());
  const Address set = heap.instances.at("set");
  set_word(heap, set, heap.l().PySetObject.mask, ~std::uint64_t{0} >> 1);
  const Objects objects(*heap.image, heap.python);
  const Limits limits;
  ReadErrors health;
  TypeTable types(objects, limits, health);
  const PythonRepr repr = python_repr(types, set, 200);
  EXPECT_FALSE(repr.sure);
  EXPECT_LT(repr.text.size(), 100u);
}

// Damaged links may lead from many threads into one frame, and on from there: each frame is read once.
TEST_P(FakeHeaps, AFrameBelongsToOneThread) {
  FakeHeap heap(GetParam());
  const auto& t = heap.l().PyThreadState;
  const std::int32_t link = t.frame != kAbsent ? t.frame : t.cframe != kAbsent ? t.cframe : t.current_frame;
  std::uint64_t frame;
  std::memcpy(&frame, heap.at(heap.threads[0] + static_cast<std::uint64_t>(link)), 8);
  set_word(heap, heap.threads[1], link, frame);
  const Objects objects(*heap.image, heap.python);
  ReadErrors health;
  const std::vector<PyInterpreter> interpreters = read_interpreters(objects, Limits{}, health);
  std::size_t frames = 0;
  for (const PyThread& thread : interpreters.at(0).threads) frames += thread.frames.size();
  EXPECT_EQ(frames, 2u);
  EXPECT_EQ(health.count(Skip::kTooMany), 1u);
}

// A histogram with a terabyte of lists in it would be believed by nobody: what cannot be is counted and left
// out.
TEST_P(FakeHeaps, ImpossibleSizesAreCounted) {
  FakeHeap heap(GetParam());
  const Address list = heap.a_list();
  set_word(heap, list, heap.l().PyListObject.allocated, std::uint64_t{1} << 42);
  const Objects objects(*heap.image, heap.python);
  const Limits limits;
  ReadErrors health;
  TypeTable types(objects, limits, health);
  BuildReport report;
  const HeapGraph graph =
      build_graph(heap.image, types, read_interpreters(objects, limits, health), {}, health, report);
  EXPECT_EQ(health.count(Skip::kImplausibleSize), 1u);
  const NodeId node = graph.index->find(list);
  ASSERT_NE(node, kNoNode);
  EXPECT_LT(graph.size[index(node)], 200u);
}

struct Tracked {
  std::vector<Address> objects;
  bool closed = false;
};
Tracked tracked(const FakeHeap& heap) {
  const Objects objects(*heap.image, heap.python);
  ReadErrors health;
  Tracked out;
  const PyInterpreter interpreter = read_interpreters(objects, Limits{}, health).at(0);
  out.closed = each_tracked(
      objects, interpreter, [&](Address object) { out.objects.push_back(object); }, health);
  EXPECT_EQ(out.closed, health.count(Skip::kBrokenList) == 0);
  return out;
}

// Caught while an object is linked: each of the four writes may be missing or come first, and whatever is
// known from one side has to be found.
TEST_P(FakeHeaps, AListThatBreaksOffIsReadFromItsOtherEnd) {
  FakeHeap heap(GetParam());
  const std::vector<Address> whole = tracked(heap).objects;
  ASSERT_GT(whole.size(), 4u);
  const auto& gc = heap.l().PyGC_Head;
  const auto head = [&](std::size_t i) { return whole.at(i) - static_cast<std::uint64_t>(gc.size); };
  for (const std::size_t at : {std::size_t{0}, whole.size() / 2, whole.size() - 2, whole.size() - 1}) {
    for (const std::uint64_t link : {std::uint64_t{0}, std::uint64_t{0x10}, ~std::uint64_t{0} - 15}) {
      SCOPED_TRACE(std::to_string(at) + " of " + std::to_string(whole.size()) + ", " + std::to_string(link));
      std::uint64_t sound;
      std::memcpy(&sound, heap.at(head(at) + static_cast<std::uint64_t>(gc.gc_next)), 8);
      set_word(heap, head(at), gc.gc_next, link);
      const Tracked cut = tracked(heap);
      EXPECT_TRUE(cut.closed);
      EXPECT_EQ(cut.objects.size(), whole.size());
      EXPECT_EQ(std::set<Address>(cut.objects.begin(), cut.objects.end()),
                std::set<Address>(whole.begin(), whole.end()));
      set_word(heap, head(at), gc.gc_next, sound);
    }
  }
  // The last, linked on one side only: the head's _gc_prev is still what was the last before.
  std::uint64_t ring;
  std::memcpy(&ring, heap.at(head(whole.size() - 1) + static_cast<std::uint64_t>(gc.gc_next)), 8);
  set_word(heap, Address{ring & ~std::uint64_t{3}}, gc.gc_prev, value(head(whole.size() - 2)));
  set_word(heap, head(whole.size() - 1), gc.gc_next, 0);
  const Tracked half = tracked(heap);
  EXPECT_TRUE(half.closed);
  EXPECT_EQ(half.objects, whole);
}

// One that goes round within itself, cut on its way back too: told, and all that either end reaches is there.
TEST_P(FakeHeaps, AListThatDoesNotCloseIsTold) {
  FakeHeap heap(GetParam());
  const std::vector<Address> whole = tracked(heap).objects;
  const auto& gc = heap.l().PyGC_Head;
  const auto head = [&](std::size_t i) { return whole.at(i) - static_cast<std::uint64_t>(gc.size); };
  set_word(heap, head(2), gc.gc_next, value(head(1)));
  Tracked cut = tracked(heap);
  EXPECT_FALSE(cut.closed);
  EXPECT_EQ(std::set<Address>(cut.objects.begin(), cut.objects.end()).size(), whole.size());
  set_word(heap, head(whole.size() - 1), gc.gc_prev, 0x10);
  cut = tracked(heap);
  EXPECT_FALSE(cut.closed);
  EXPECT_EQ(std::set<Address>(cut.objects.begin(), cut.objects.end()).size(), 4u);
}

}  // namespace
}  // namespace heapglass
