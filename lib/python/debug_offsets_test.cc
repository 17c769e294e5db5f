#include "lib/python/debug_offsets.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "lib/python/versions.h"

namespace heapglass {
namespace {

struct Words final : MemoryReader {
  std::vector<std::uint64_t> words;
  bool read(Address from, std::span<std::byte> to) const override {
    const std::uint64_t at = value(from) - 0x1000;
    if (value(from) < 0x1000 || at + to.size() > words.size() * 8 || at > words.size() * 8) return false;
    std::memcpy(to.data(), reinterpret_cast<const std::byte*>(words.data()) + at, to.size());
    return true;
  }
};

Words offsets_of_3_13() {
  Words memory;
  memory.words.resize(73);  // 584 bytes
  std::memcpy(memory.words.data(), "xdebugpy", 8);
  memory.words[1] = 0x030d00f0;
  for (std::size_t i = 3; i < memory.words.size(); ++i)
    memory.words[i] = i * 8;  // each word tells its own place
  return memory;
}

TEST(DebugOffsets, ReadsEachWordInItsPlace) {
  const auto offsets = read_debug_offsets(offsets_of_3_13(), Address{0x1000});
  ASSERT_TRUE(offsets);
  EXPECT_EQ(offsets->hexversion, 0x030d00f0u);
  EXPECT_FALSE(offsets->free_threaded);
  // Places of fields in _Py_DebugOffsets of 3.13.0, by its debug information.
  EXPECT_EQ(offsets->find("_PyRuntimeState")->fields.at("interpreters.head").offset, 40u);
  EXPECT_EQ(offsets->find("PyInterpreterState")->fields.at("gc").offset, 80u);
  EXPECT_EQ(offsets->find("PyThreadState")->size, 152u);
  EXPECT_EQ(offsets->find("PyDictObject")->fields.at("ma_values").offset, 464u);
  EXPECT_EQ(offsets->find("_gc_runtime_state")->fields.at("collecting").offset, 576u);
}

TEST(DebugOffsets, RefusesWhatCannotBe) {
  Words memory = offsets_of_3_13();
  memory.words[0] ^= 1;
  EXPECT_FALSE(read_debug_offsets(memory, Address{0x1000})) << "no cookie";
  memory = offsets_of_3_13();
  memory.words[2] = 7;
  EXPECT_FALSE(read_debug_offsets(memory, Address{0x1000})) << "neither with nor without a GIL";
  memory = offsets_of_3_13();
  memory.words[10] = std::uint64_t{1} << 40;
  EXPECT_FALSE(read_debug_offsets(memory, Address{0x1000})) << "no struct is that large";
  memory = offsets_of_3_13();
  memory.words.resize(40);
  EXPECT_FALSE(read_debug_offsets(memory, Address{0x1000})) << "cut short";
  memory = offsets_of_3_13();
  memory.words[1] = 0x040000f0;
  EXPECT_FALSE(read_debug_offsets(memory, Address{0x1000})) << "a version whose order nobody knows";
}

TEST(Versions, EveryMinorHasItsRulesAndText) {
  VersionTraits rules;
  for (unsigned minor = 7; minor <= 15; ++minor)
    EXPECT_TRUE(rules_for(hexversion_of(3, minor), rules)) << minor;
  EXPECT_FALSE(rules_for(hexversion_of(3, 6, 15), rules));
  EXPECT_FALSE(rules_for(hexversion_of(3, 16), rules));
  EXPECT_FALSE(rules_for(hexversion_of(2, 7, 18), rules));
  EXPECT_EQ(version_text(0x030f00b2), "3.15.0b2");
  EXPECT_EQ(version_text(0x030c01f0), "3.12.1");
  rules_for(hexversion_of(3, 13, 0), rules);
  EXPECT_FALSE(rules.dict_visits_inline_values);
  rules_for(hexversion_of(3, 13, 7), rules);
  EXPECT_FALSE(rules.dict_visits_inline_values);
  rules_for(hexversion_of(3, 13, 13), rules);
  EXPECT_TRUE(rules.dict_visits_inline_values);
  rules_for(0x030e00f0, rules);  // 3.14.0 final
  EXPECT_FALSE(rules.dict_visits_inline_values);
  rules_for(0x030e04f0, rules);
  EXPECT_TRUE(rules.dict_visits_inline_values);
}

TEST(Versions, WhatADistributionTookFromALaterReleaseGoesByTheDayOfTheBuild) {
  const auto has = [](unsigned micro, std::string_view sys_version) {
    VersionTraits rules;
    rules_for(hexversion_of(3, 13, micro) | 0xf0, rules);
    apply_backports(hexversion_of(3, 13, micro) | 0xf0, sys_version, rules);
    return rules.dict_visits_inline_values;
  };
  EXPECT_TRUE(has(5, "3.13.5 (main, Aug 10 2026, 12:06:59) [GCC 14.2.0]"));
  EXPECT_TRUE(has(5, "3.13.5 (main, Jun 13 2026, 10:18:01) [GCC 14.2.0]"));
  EXPECT_FALSE(has(5, "3.13.5 (main, May  5 2026, 21:05:52) [GCC 14.2.0]"));
  EXPECT_FALSE(has(5, "3.13.5 (main, Jun 25 2025, 18:55:22) [GCC 14.2.0]"));
  EXPECT_FALSE(has(7, "3.13.7 (main, Aug 10 2026, 12:19:54) [GCC 15.2.0]"));
  EXPECT_TRUE(has(13, "3.13.13 (main, Apr  7 2026, 12:19:54) [GCC 15.2.0]"));
  EXPECT_FALSE(has(5, ""));
  EXPECT_FALSE(has(5, "3.13.5 (main, , 2026, Xyz 99 9999"));
}

}  // namespace
}  // namespace heapglass
