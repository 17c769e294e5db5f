#include <gtest/gtest.h>
#include <shapes.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "platform/binaries/dwarf_samples.h"

namespace heapglass {
namespace {

const std::vector<WantedStruct> kShapes =
    names({"a_shape", "_shape", "shape", "_t", "hidden", "_hidden", "links", "links_again", "links_qualified",
           "any", "everything", "deep", "twice", "only_declared", "only_declared_pointer", "no_such"});

void expect_field(const DwarfStructs& in, const std::string& name, const std::string& path,
                  std::uint64_t offset, std::uint64_t size, std::uint32_t bit_offset = 0,
                  std::uint32_t bit_size = 0) {
  const StructLayout* const layout = in.find(name);
  ASSERT_NE(layout, nullptr) << name;
  const auto found = layout->fields.find(path);
  ASSERT_NE(found, layout->fields.end()) << name << "." << path;
  EXPECT_EQ(found->second.offset, offset) << name << "." << path;
  EXPECT_EQ(found->second.size, size) << name << "." << path;
  EXPECT_EQ(found->second.bit_offset, bit_offset) << name << "." << path;
  EXPECT_EQ(found->second.bit_size, bit_size) << name << "." << path;
}

#define EXPECT_MEMBER(in, type, member) \
  expect_field(in, #type, #member, offsetof(type, member), sizeof(type::member))

void expect_shapes(const DwarfStructs& in) {
  for (const auto& [name, size] :
       std::vector<std::pair<const char*, std::size_t>>{{"a_shape", sizeof(a_shape)},
                                                        {"_shape", sizeof(_shape)},
                                                        {"shape", sizeof(shape)},
                                                        {"_t", sizeof(_t)},
                                                        {"hidden", 24},
                                                        {"_hidden", 24},
                                                        {"links", sizeof(links)},
                                                        {"links_again", sizeof(links)},
                                                        {"links_qualified", sizeof(links)},
                                                        {"any", sizeof(any)},
                                                        {"everything", sizeof(everything)},
                                                        {"deep", sizeof(deep)}}) {
    ASSERT_NE(in.find(name), nullptr) << name;
    EXPECT_EQ(in.find(name)->size, size) << name;
  }
  EXPECT_EQ(in.find("only_declared"), nullptr);
  EXPECT_EQ(in.find("only_declared_pointer"), nullptr);
  EXPECT_EQ(in.find("no_such"), nullptr);

  EXPECT_MEMBER(in, _shape, count);
  EXPECT_MEMBER(in, shape, type);
  EXPECT_MEMBER(in, _t, c);
  EXPECT_MEMBER(in, _t, id);
  expect_field(in, "hidden", "second.type", 16, 8);
  EXPECT_MEMBER(in, links_again, previous);
  expect_field(in, "links_qualified", "previous", 8, 8);
  EXPECT_MEMBER(in, any, object);
  EXPECT_MEMBER(in, any, object.type);
  EXPECT_MEMBER(in, any, number);
  EXPECT_MEMBER(in, any, bytes);
  EXPECT_MEMBER(in, everything, base);
  EXPECT_MEMBER(in, everything, base.type);
  EXPECT_MEMBER(in, everything, value.object.type);
  EXPECT_MEMBER(in, everything, value.bytes);
  EXPECT_MEMBER(in, everything, point);
  EXPECT_MEMBER(in, everything, point.y);
  EXPECT_MEMBER(in, everything, in_anonymous);
  EXPECT_MEMBER(in, everything, either);
  EXPECT_MEMBER(in, everything, other);
  EXPECT_MEMBER(in, everything, generations);
  expect_field(in, "everything", "generations[0]", offsetof(everything, generations), sizeof(links));
  expect_field(in, "everything", "generations[0].previous", offsetof(everything, generations) + 8, 8);
  EXPECT_MEMBER(in, everything, grid);
  expect_field(in, "everything", "grid[0][0].next", offsetof(everything, grid), 8);
  EXPECT_MEMBER(in, everything, numbers);
  EXPECT_EQ(in.find("everything")->fields.count("numbers[0]"), 0u);
  EXPECT_MEMBER(in, everything, state);
  EXPECT_MEMBER(in, everything, colour);
  EXPECT_MEMBER(in, everything, call);
  EXPECT_MEMBER(in, everything, pointer);
  EXPECT_MEMBER(in, everything, qualified);
  expect_field(in, "everything", "qualified.previous", offsetof(everything, qualified) + 8, 8);
  expect_field(in, "everything", "tail", offsetof(everything, tail), 0);

  const std::uint64_t state = offsetof(everything, state);
  expect_field(in, "everything", "state.interned", state, 1, 0, 2);
  expect_field(in, "everything", "state.kind", state, 1, 2, 3);
  expect_field(in, "everything", "state.compact", state, 1, 5, 1);
  expect_field(in, "everything", "state.second_word", state + 4, 4, 0, 31);
  // A bit-field does not straddle a word of its type.
  const std::uint64_t wide = (offsetof(everything, state) + sizeof(everything::state) + 7) / 8 * 8;
  expect_field(in, "everything", "wide", wide, 5, 0, 40);
  expect_field(in, "everything", "crossing", wide + 5, 3, 0, 20);

  // Named structs in one another to a depth of 4, further down only as a whole.
  expect_field(in, "deep", "two.three.four.five.six", 0, sizeof(int));
  EXPECT_EQ(in.find("deep")->fields.count("two.three.four.five.six.bottom"), 0u);
  EXPECT_MEMBER(in, deep, top);
}

// The same value by two ways: bits of an object that the compiler has laid out, found by the table's row.
TEST(DwarfStructs, BitFieldsAreWhereTheCompilerPutsThem) {
  const auto in = read(sample("dwarf5.so"), kShapes);
  ASSERT_NE(in, nullptr);
  everything object{};
  const char* const bytes = reinterpret_cast<const char*>(&object);
  object.state.kind = 5;
  object.state.second_word = 0x5a5a5a5a;
  object.wide = 0x123456789a;
  object.crossing = 0xabcde;
  const auto bits = [&](const char* path) {
    const FieldLayout& field = in->find("everything")->fields.find(path)->second;
    std::uint64_t number = 0;
    std::memcpy(&number, bytes + field.offset, field.size);
    return number >> field.bit_offset & ((std::uint64_t{1} << field.bit_size) - 1);
  };
  EXPECT_EQ(bits("state.kind"), 5u);
  EXPECT_EQ(bits("state.second_word"), 0x5a5a5a5au);
  EXPECT_EQ(bits("wide"), 0x123456789au);
  EXPECT_EQ(bits("crossing"), 0xabcdeu);
}

class EverySample : public testing::TestWithParam<const char*> {};

TEST_P(EverySample, HasAllShapes) {
  if (!fs::exists(sample(GetParam()))) GTEST_SKIP() << "this machine's compilers cannot make " << GetParam();
  const auto in = read(sample(GetParam()), kShapes);
  ASSERT_NE(in, nullptr);
  expect_shapes(*in);
  EXPECT_EQ(in->description(), "DWARF of " + sample(GetParam()));
  EXPECT_EQ(in->problems(), std::vector<std::string>{"twice has several definitions of different size"});
}

INSTANTIATE_TEST_SUITE_P(DwarfStructs, EverySample,
                         testing::Values("dwarf2.so", "dwarf3.so", "dwarf4.so", "dwarf5.so",
                                         "dwarf5_64bit.so", "type_units4.so", "type_units5.so", "clang.so"),
                         [](const auto& sample_of) {
                           const std::string name = sample_of.param;
                           return name.substr(0, name.find('.'));
                         });

// Three ways to lose structs without noticing, each of which happened to a forerunner.

TEST(DwarfStructs, ANameThatIsTheTailOfAnother) {
  // Only where the linker has in fact merged them does the test say something.
  std::string why;
  const auto file = ElfFile::open(sample("dwarf5.so"), why);
  ASSERT_NE(file, nullptr) << why;
  const auto strings = file->read(".debug_str").bytes();
  const std::string_view text(reinterpret_cast<const char*>(strings.data()), strings.size());
  EXPECT_EQ(text.find(std::string_view("\0_shape\0", 8)), text.npos) << "not merged";
  EXPECT_NE(text.find(std::string_view("a_shape\0", 8)), text.npos);
  const auto in = read(sample("dwarf5.so"), names({"_shape"}));
  ASSERT_NE(in, nullptr);
  EXPECT_NE(in->find("_shape"), nullptr);
}

TEST(DwarfStructs, AShortNameStandsInTheEntry) {
  std::string why;
  const auto file = ElfFile::open(sample("dwarf5.so"), why);
  ASSERT_NE(file, nullptr) << why;
  const auto info = file->read(".debug_info").bytes();
  const std::string_view text(reinterpret_cast<const char*>(info.data()), info.size());
  EXPECT_NE(text.find(std::string_view("_t\0", 3)), text.npos) << "not in .debug_info";
  const auto in = read(sample("dwarf5.so"), names({"_t"}));
  ASSERT_NE(in, nullptr);
  EXPECT_NE(in->find("_t"), nullptr);
}

class Worked : public testing::Test, protected WorkedFiles {};

TEST_F(Worked, CompressedSections) {
  for (const char* const kind : {"zlib", "zstd"}) {
    const std::string to = (folder_ / kind).string();
    if (!run(std::string(HEAPGLASS_OBJCOPY) + " --compress-debug-sections=" + kind + " " +
             sample("dwarf5.so") + " " + to)) {
      std::cout << "left out: objcopy cannot compress with " << kind << '\n';
      continue;
    }
    std::string why;
    const auto file = ElfFile::open(to, why);
    ASSERT_NE(file, nullptr) << why;
    const ElfSection* const info = file->section(".debug_info");
    ASSERT_NE(info, nullptr);
    EXPECT_TRUE(info->compressed) << kind;
    const auto in = read(to, kShapes);
    ASSERT_NE(in, nullptr);
    expect_shapes(*in);
  }
}

TEST_F(Worked, DwzOfOneFile) {
  if (!have_dwz()) return;
  for (const char* const name : {"dwarf3.so", "dwarf4.so", "dwarf5.so"}) {
    const std::string path = copy(name);
    const auto size = fs::file_size(path);
    ASSERT_TRUE(run("dwz " + path)) << name;
    EXPECT_LT(fs::file_size(path), size);
    const auto in = read(path, kShapes);
    ASSERT_NE(in, nullptr);
    expect_shapes(*in);
  }
}

// Once by GNU's extensions to DWARF 4, once by what became of them in DWARF 5.
TEST_F(Worked, DwzOfSeveralFilesWithASharedOne) {
  if (!have_dwz()) return;
  for (const auto& [name, option] : {std::pair{"dwarf4.so", ""}, std::pair{"dwarf5.so", "-5"}}) {
    const std::string one = copy(name);
    const std::string two = one + ".two.so";
    const std::string shared = one + ".dwz";
    fs::copy_file(one, two);
    ASSERT_TRUE(run(std::string("cd ") + folder_.string() + " && dwz " + option + " -m " + shared + " " +
                    one + " " + two));
    std::string why;
    const auto file = ElfFile::open(one, why);
    ASSERT_NE(file, nullptr) << why;
    if (!file->debug_alt_link()) {
      std::cout << "left out: dwz -m finds nothing to share in " << name << '\n';
      continue;
    }
    const auto in = read(one, kShapes);
    ASSERT_NE(in, nullptr);
    expect_shapes(*in);

    fs::rename(two, shared);  // something else of that name
    for (const bool there : {true, false}) {
      if (!there) fs::remove(shared);
      const auto without = read(one, kShapes);
      ASSERT_NE(without, nullptr);
      EXPECT_EQ(without->find("everything"), nullptr);
      bool said = false;
      for (const std::string& problem : without->problems())
        said = said || problem.find(shared) != problem.npos;
      EXPECT_TRUE(said) << "the missing file goes unmentioned";
    }
    std::cout << "covered: dwz -m of " << name << '\n';
  }
}

TEST(DwarfStructs, SaysThatDwoFilesAreNotRead) {
  if (!fs::exists(sample("split.so"))) GTEST_SKIP();
  const auto in = read(sample("split.so"), kShapes);
  ASSERT_NE(in, nullptr);
  EXPECT_EQ(in->find("everything"), nullptr);
  ASSERT_EQ(in->problems().size(), 1u);
  EXPECT_NE(in->problems()[0].find(".dwo"), std::string::npos);
}

TEST(DwarfStructs, DepthAsAsked) {
  const auto in = read(sample("dwarf5.so"), {{"deep", 0}, {"everything", 1}});
  ASSERT_NE(in, nullptr);
  EXPECT_EQ(in->find("deep")->fields.size(), 2u);
  EXPECT_EQ(in->find("everything")->fields.count("value.object"), 1u);
  EXPECT_EQ(in->find("everything")->fields.count("value.object.type"), 0u);
  const auto whole = read(sample("dwarf5.so"), {{"deep", 9}});
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->find("deep")->fields.count("two.three.four.five.six.bottom"), 1u);
}

}  // namespace
}  // namespace heapglass
