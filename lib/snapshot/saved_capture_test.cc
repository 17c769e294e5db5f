// What a capture tells beside the bytes comes out of a file as it went in.

#include "lib/snapshot/saved_capture.h"

#include <gtest/gtest.h>

#include <functional>
#include <sstream>

namespace heapglass {
namespace {

// The file's bytes live as long as this.
struct Written {
  std::string bytes;
  std::shared_ptr<const SnapshotFile> file;
};

Written written(SnapshotWriter& writer, const Metadata& facts) {
  facts.save(writer);
  std::ostringstream out;
  writer.finish(out);
  Written made{std::move(out).str(), nullptr};
  made.file = std::make_shared<SnapshotFile>(std::as_bytes(std::span(made.bytes)), "test");
  return made;
}

// No field has the value that it has from the start, nor that of another.
Capture example() {
  Capture c;
  c.freeze = "copy";
  c.pause_ms = 1.5;
  c.prepare_ms = 2.5;
  c.bytes_copied = 77;
  c.looks = 3;
  c.no_safe_point = true;
  c.was_stopped = true;
  c.caveats = {{"cut", 3, "first", {"a", "b"}}, {"other", 0, "second"}, {"third", 1, "third", {"c"}}};
  c.residency = Residency{.runs = {{Address{0x1000}, 4096}, {Address{0x3000}, 8192}},
                          .rss = 11,
                          .page_tables = 12,
                          .swapped = 13,
                          .zero_pages_apart = false};
  c.mappings.push_back({.start = Address{0x1000},
                        .end = Address{0x2000},
                        .readable = true,
                        .executable = true,
                        .file_offset = 21,
                        .device = 22,
                        .inode = 23,
                        .path = "/lib/one",
                        .deleted = true});
  c.mappings.push_back(
      {.start = Address{0x2000}, .end = Address{0x3000}, .writable = true, .shared = true, .path = "[heap]"});
  for (const int n : {1, 2}) {
    const auto number = static_cast<std::uint64_t>(n);
    ThreadRegisters t{.tid = n,
                      .state = n == 1 ? 'S' : 'R',
                      .stack_pointer = Address{100 + number},
                      .instruction_pointer = Address{200 + number},
                      .thread_pointer = Address{300 + number},
                      .system_call = n == 1 ? "futex" : "",
                      .futex = Address{400 + number}};
    for (std::size_t i = 0; i < t.general.size(); ++i) t.general[i] = number << 32 | (0x1000 + 8 * i);
    c.threads.push_back(t);
  }
  return c;
}

void expect_same(const Capture& a, const Capture& b) {
  EXPECT_EQ(a.freeze, b.freeze);
  EXPECT_EQ(a.pause_ms, b.pause_ms);
  EXPECT_EQ(a.prepare_ms, b.prepare_ms);
  EXPECT_EQ(a.bytes_copied, b.bytes_copied);
  EXPECT_EQ(a.looks, b.looks);
  EXPECT_EQ(a.no_safe_point, b.no_safe_point);
  EXPECT_EQ(a.was_stopped, b.was_stopped);
  EXPECT_EQ(a.caveats, b.caveats);
  ASSERT_TRUE(a.residency && b.residency);
  EXPECT_EQ(a.residency->rss, b.residency->rss);
  EXPECT_EQ(a.residency->page_tables, b.residency->page_tables);
  EXPECT_EQ(a.residency->swapped, b.residency->swapped);
  EXPECT_EQ(a.residency->zero_pages_apart, b.residency->zero_pages_apart);
  ASSERT_EQ(a.residency->runs.size(), b.residency->runs.size());
  for (std::size_t i = 0; i < a.residency->runs.size(); ++i) {
    EXPECT_EQ(a.residency->runs[i].start, b.residency->runs[i].start);
    EXPECT_EQ(a.residency->runs[i].size, b.residency->runs[i].size);
  }
  ASSERT_EQ(a.mappings.size(), b.mappings.size());
  for (std::size_t i = 0; i < a.mappings.size(); ++i) {
    const Mapping &one = a.mappings[i], &other = b.mappings[i];
    EXPECT_EQ(
        std::tie(one.start, one.end, one.readable, one.writable, one.executable, one.shared),
        std::tie(other.start, other.end, other.readable, other.writable, other.executable, other.shared));
    EXPECT_EQ(std::tie(one.file_offset, one.device, one.inode, one.path, one.deleted),
              std::tie(other.file_offset, other.device, other.inode, other.path, other.deleted));
  }
  ASSERT_EQ(a.threads.size(), b.threads.size());
  for (std::size_t i = 0; i < a.threads.size(); ++i) {
    const ThreadRegisters &one = a.threads[i], &other = b.threads[i];
    EXPECT_EQ(std::tie(one.tid, one.state, one.stack_pointer, one.instruction_pointer, one.thread_pointer),
              std::tie(other.tid, other.state, other.stack_pointer, other.instruction_pointer,
                       other.thread_pointer));
    EXPECT_EQ(std::tie(one.system_call, one.futex, one.general),
              std::tie(other.system_call, other.futex, other.general));
  }
}

TEST(SavedCapture, ComesOutAsItWentIn) {
  const Capture capture = example();
  SnapshotWriter writer;
  Metadata facts;
  save_capture(writer, facts, capture);
  const Written made = written(writer, facts);
  expect_same(load_capture(*made.file, Metadata(made.file)), capture);
}

// A register may hold a piece of a text: without values it is kept only where it leads to an object.
TEST(SavedCapture, HasOfRegistersOnlyObjectsWithoutValues) {
  static const std::vector<std::byte> bytes(4096);
  const auto image = std::make_shared<Image>();
  image->add({.start = Address{0x1'0000'1000}, .size = bytes.size(), .bytes = bytes.data(), .heap = true},
             nullptr);
  image->seal();
  AddressIndex objects(image);
  objects.set(*objects.bit_of(Address{0x1'0000'1010}));
  objects.freeze();

  Capture capture = example();
  capture.threads[0].general[5] = 0x1'0000'1011;  // tagged, as 3.14 does
  SnapshotWriter writer;
  Metadata facts;
  save_capture(writer, facts, capture, &objects);
  const Written made = written(writer, facts);
  const Capture loaded = load_capture(*made.file, Metadata(made.file));
  ASSERT_EQ(loaded.threads.size(), 2u);
  for (std::size_t i = 0; i < loaded.threads[0].general.size(); ++i)
    EXPECT_EQ(loaded.threads[0].general[i], i == 2 ? 0x1'0000'1010u : i == 5 ? 0x1'0000'1011u : 0u) << i;
  EXPECT_EQ(loaded.threads[1].general, (std::array<std::uint64_t, 32>{}));
  EXPECT_EQ(loaded.threads[0].system_call, "futex");
}

// As format 1.0 had it, two threads with less than is kept now, and `more` beside.
Written by_hand(const std::function<void(SnapshotWriter&)>& more) {
  SnapshotWriter facts_of, writer;
  Metadata facts;
  save_capture(facts_of, facts, example());
  writer.strings("notes", {"a note"});
  for (const char* each : {"maps.start", "maps.end", "maps.offset", "maps.device", "maps.inode"})
    writer.column<std::uint64_t>(each, 0, Transform::kDelta, [](std::uint64_t) { return 0; });
  writer.column<std::uint8_t>("maps.flags", 0, Transform::kNone, [](std::uint64_t) { return 0; });
  writer.strings("maps.path", {});
  for (const char* each : {"os_threads.tid", "os_threads.state", "os_threads.stack_pointer",
                           "os_threads.instruction_pointer", "os_threads.thread_pointer"})
    writer.column<std::uint64_t>(each, 2, Transform::kNone, [](std::uint64_t i) { return 'A' + i; });
  more(writer);
  return written(writer, facts);
}

TEST(SavedCapture, OfAnOlderFileIsRead) {
  const Written made = by_hand([](SnapshotWriter&) {});
  const Capture loaded = load_capture(*made.file, Metadata(made.file));
  EXPECT_EQ(loaded.caveats, (std::vector<Caveat>{{"capture", 0, "a note"}}));
  ASSERT_EQ(loaded.threads.size(), 2u);
  EXPECT_EQ(loaded.threads[1].tid, 'B');
  EXPECT_EQ(loaded.threads[1].system_call, "");
  EXPECT_EQ(loaded.threads[1].futex, Address{});
  EXPECT_EQ(loaded.threads[1].general, (std::array<std::uint64_t, 32>{}));
}

TEST(SavedCapture, ThatContradictsItselfIsRefused) {
  const std::vector<std::string> none, two{"futex", "read"};
  struct Case {
    std::uint64_t futexes, registers;
    const std::vector<std::string>& calls;
    const char* says;  // the section; null: all is well
  };
  for (const Case& c : {Case{2, 64, two, nullptr},
                        {1, 64, two, "os_threads.futex"},
                        {2, 63, two, "os_threads.general"},
                        {2, 64, none, "os_threads.system_call"}}) {
    const Written made = by_hand([&](SnapshotWriter& writer) {
      auto column = [&](const char* name, std::uint64_t rows) {
        writer.column<std::uint64_t>(name, rows, Transform::kNone, [](std::uint64_t) { return 0; });
      };
      column("os_threads.futex", c.futexes);
      column("os_threads.general", c.registers);
      writer.strings("os_threads.system_call", c.calls);
    });
    std::string said;
    try {
      EXPECT_EQ(load_capture(*made.file, Metadata(made.file)).threads.size(), 2u);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFile);
      said = error.what();
    }
    EXPECT_EQ(said.empty(), c.says == nullptr) << said;
    if (c.says) {
      EXPECT_NE(said.find(c.says), std::string::npos) << said;
    }
  }
}

}  // namespace
}  // namespace heapglass
