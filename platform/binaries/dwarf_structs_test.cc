#include "platform/binaries/dwarf_structs.h"

#include <gtest/gtest.h>
#include <shapes.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>

#include "llvm/DebugInfo/DWARF/DWARFContext.h"
#include "llvm/Object/ELFObjectFile.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;
namespace dw = llvm::dwarf;

std::string sample(const std::string& name) { return std::string(HEAPGLASS_ELF_SAMPLES) + "/" + name; }

std::vector<WantedStruct> names(const std::vector<std::string>& of) {
  std::vector<WantedStruct> wanted;
  for (const std::string& name : of) wanted.push_back({name});
  return wanted;
}

std::unique_ptr<DwarfStructs> read(const std::string& path, const std::vector<WantedStruct>& wanted) {
  std::string why;
  const auto file = ElfFile::open(path, why);
  EXPECT_NE(file, nullptr) << why;
  if (file == nullptr) return nullptr;
  DebugFileSearch search;
  search.target_path = path;
  auto structs = DwarfStructs::load(file, wanted, search, why);
  EXPECT_NE(structs, nullptr) << why;
  return structs;
}

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

// Copies of the samples that other programs have worked on.
class Worked : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("heapglass_dwarf." + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string copy(const std::string& name) {
    fs::copy_file(sample(name), folder_ / name);
    return (folder_ / name).string();
  }
  static bool run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }
  static bool have_dwz() {
    if (run("dwz --version >/dev/null")) return true;
    std::cout << "left out: dwz is not installed\n";
    return false;
  }
  fs::path folder_;
};

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

// LLVM's own way to the same answer, from its tree of entries: slow, and nothing of it is ours.
class Llvm {
 public:
  explicit Llvm(const std::string& path) {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer) return;
    buffer_ = std::move(*buffer);
    auto object = llvm::object::ObjectFile::createELFObjectFile(buffer_->getMemBufferRef());
    if (!object) {
      llvm::consumeError(object.takeError());
      return;
    }
    object_ = std::move(*object);
    context_ = llvm::DWARFContext::create(*object_);
  }
  explicit operator bool() const { return context_ != nullptr; }

  std::map<std::string, StructLayout> structs(const std::vector<WantedStruct>& wanted) {
    std::map<std::string, unsigned> depths;
    for (const WantedStruct& want : wanted) depths.try_emplace(want.name, want.depth);
    std::map<std::string, StructLayout> out;
    for (const auto& unit : context_->info_section_units()) {
      for (llvm::DWARFDie die : unit->getUnitDIE(false).children()) {
        const auto tag = die.getTag();
        if (tag != dw::DW_TAG_structure_type && tag != dw::DW_TAG_union_type && tag != dw::DW_TAG_typedef)
          continue;
        const char* const name = die.getShortName();
        if (name == nullptr || !depths.contains(name) || out.contains(name)) continue;
        const llvm::DWARFDie definition = plain(die);
        if (!is_struct(definition) || definition.find(dw::DW_AT_declaration)) continue;
        StructLayout layout;
        layout.size = dw::toUnsigned(definition.find(dw::DW_AT_byte_size), 0);
        flatten(definition, "", 0, depths[name], layout);
        out.emplace(name, std::move(layout));
      }
    }
    return out;
  }

 private:
  static bool is_struct(llvm::DWARFDie die) {
    return die && (die.getTag() == dw::DW_TAG_structure_type || die.getTag() == dw::DW_TAG_union_type);
  }
  // Without typedefs, const and the like.
  static llvm::DWARFDie plain(llvm::DWARFDie die) {
    while (die && (die.getTag() == dw::DW_TAG_typedef || die.getTag() == dw::DW_TAG_const_type ||
                   die.getTag() == dw::DW_TAG_volatile_type || die.getTag() == dw::DW_TAG_atomic_type ||
                   die.getTag() == dw::DW_TAG_restrict_type)) {
      die = die.getAttributeValueAsReferencedDie(dw::DW_AT_type);
    }
    return die;
  }
  static void flatten(llvm::DWARFDie die, const std::string& prefix, std::uint64_t base, unsigned depth,
                      StructLayout& out) {
    for (llvm::DWARFDie member : die.children()) {
      if (member.getTag() != dw::DW_TAG_member) continue;
      llvm::DWARFDie declared = member.getAttributeValueAsReferencedDie(dw::DW_AT_type);
      std::uint64_t offset = base + dw::toUnsigned(member.find(dw::DW_AT_data_member_location), 0);
      llvm::DWARFDie type = plain(declared);
      std::string index;
      // LLVM's getTypeSize takes [255] for [-1] and [] for [1], so arrays are counted here.
      std::uint64_t elements = 1;
      while (type && type.getTag() == dw::DW_TAG_array_type) {
        for (llvm::DWARFDie range : type.children()) {
          if (range.getTag() != dw::DW_TAG_subrange_type) continue;
          index += "[0]";
          const auto last = range.find(dw::DW_AT_upper_bound);
          const auto count = range.find(dw::DW_AT_count);
          elements *= count ? count->getRawUValue() : last ? last->getRawUValue() + 1 : 0;
        }
        type = plain(type.getAttributeValueAsReferencedDie(dw::DW_AT_type));
      }
      const char* const name = member.getShortName();
      if (name == nullptr) {
        if (is_struct(type) && index.empty()) flatten(type, prefix, offset, depth, out);
        continue;
      }
      FieldLayout field;
      field.offset = offset;
      if (const auto bits = dw::toUnsigned(member.find(dw::DW_AT_bit_size))) {
        std::uint64_t first = dw::toUnsigned(member.find(dw::DW_AT_data_bit_offset), 0);
        if (const auto from_top = dw::toUnsigned(member.find(dw::DW_AT_bit_offset))) {
          first = 8 * dw::toUnsigned(member.find(dw::DW_AT_byte_size), 0) - *from_top - *bits;
        }
        field.offset += first / 8;
        field.bit_offset = static_cast<std::uint32_t>(first % 8);
        field.bit_size = static_cast<std::uint32_t>(*bits);
        field.size = (first % 8 + *bits + 7) / 8;
      } else {
        field.size = elements * (type ? type.getTypeSize(8).value_or(0) : 0);
      }
      std::string path = prefix + name;
      out.fields.try_emplace(path, field);
      if (!is_struct(type) || field.bit_size != 0) continue;
      path += index;
      out.fields.try_emplace(path,
                             FieldLayout{offset, dw::toUnsigned(type.find(dw::DW_AT_byte_size), 0), 0, 0});
      if (depth > 0) flatten(type, path + ".", offset, depth - 1, out);
    }
  }

  std::unique_ptr<llvm::MemoryBuffer> buffer_;
  std::unique_ptr<llvm::object::ObjectFile> object_;
  std::unique_ptr<llvm::DWARFContext> context_;
};

std::vector<std::string> differences(const DwarfStructs& ours,
                                     const std::map<std::string, StructLayout>& theirs) {
  std::vector<std::string> out;
  const auto text = [](const FieldLayout& field) {
    return std::to_string(field.offset) + " " + std::to_string(field.size) + " " +
           std::to_string(field.bit_offset) + " " + std::to_string(field.bit_size);
  };
  for (const auto& [name, layout] : ours.structs()) {
    const auto same = theirs.find(name);
    if (same == theirs.end()) {
      out.push_back(name + " is only ours");
      continue;
    }
    if (same->second.size != layout.size) out.push_back(name + " has another size");
    for (const auto& [path, field] : layout.fields) {
      const auto at = same->second.fields.find(path);
      if (at == same->second.fields.end()) {
        out.push_back(name + "." + path + " is only ours");
      } else if (text(at->second) != text(field)) {
        out.push_back(name + "." + path + " is " + text(field) + ", by LLVM " + text(at->second));
      }
    }
    for (const auto& [path, field] : same->second.fields) {
      if (!layout.fields.contains(path)) out.push_back(name + "." + path + " is missing");
    }
  }
  for (const auto& [name, layout] : theirs) {
    if (ours.find(name) == nullptr) out.push_back(name + " is missing");
  }
  return out;
}

const std::vector<WantedStruct> kPython = names({"PyObject",
                                                 "_object",
                                                 "PyVarObject",
                                                 "PyTypeObject",
                                                 "_typeobject",
                                                 "PyHeapTypeObject",
                                                 "PyGC_Head",
                                                 "PyMemberDef",
                                                 "PyDictObject",
                                                 "PyDictKeysObject",
                                                 "_dictkeysobject",
                                                 "PyDictKeyEntry",
                                                 "PyDictValues",
                                                 "_dictvalues",
                                                 "PyListObject",
                                                 "PyTupleObject",
                                                 "PySetObject",
                                                 "setentry",
                                                 "PyASCIIObject",
                                                 "PyCompactUnicodeObject",
                                                 "PyUnicodeObject",
                                                 "PyBytesObject",
                                                 "PyByteArrayObject",
                                                 "PyLongObject",
                                                 "PyFloatObject",
                                                 "PyComplexObject",
                                                 "PyCodeObject",
                                                 "PyFrameObject",
                                                 "_frame",
                                                 "_PyInterpreterFrame",
                                                 "_PyCFrame",
                                                 "PyGenObject",
                                                 "PyCoroObject",
                                                 "PyAsyncGenObject",
                                                 "PyTracebackObject",
                                                 "_traceback",
                                                 "PyModuleObject",
                                                 "PyFunctionObject",
                                                 "PyMethodObject",
                                                 "PyCFunctionObject",
                                                 "PyCellObject",
                                                 "propertyobject",
                                                 "staticmethod",
                                                 "classmethod",
                                                 "PyWeakReference",
                                                 "mappingproxyobject",
                                                 "PyCapsule",
                                                 "PyDescrObject",
                                                 "PyMemoryViewObject",
                                                 "_PyManagedBufferObject",
                                                 "PyBaseExceptionObject",
                                                 "PyInterpreterState",
                                                 "_is",
                                                 "PyThreadState",
                                                 "_ts",
                                                 "_PyRuntimeState",
                                                 "pyruntimestate",
                                                 "_gc_runtime_state",
                                                 "gc_generation",
                                                 "_gil_runtime_state",
                                                 "_ceval_state",
                                                 "static_builtin_state",
                                                 "types_state",
                                                 "arena_object",
                                                 "pool_header",
                                                 "BLOCK",
                                                 "dequeobject",
                                                 "PyODictObject",
                                                 "defdictobject",
                                                 "partialobject",
                                                 "lru_cache_object",
                                                 "enumobject",
                                                 "rangeobject",
                                                 "PySliceObject",
                                                 "llist_node",
                                                 "PyContext",
                                                 "_Py_DebugOffsets"});

// The interpreters and libpythons of this machine, with their separate debug files.
std::vector<std::string> pythons() {
  std::vector<std::string> found;
  std::error_code ignored;
  const char* const home = std::getenv("HOME");
  std::vector<fs::path> folders = {"/usr/bin", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu",
                                   "/usr/lib/aarch64-linux-gnu"};
  for (const auto& version :
       fs::directory_iterator(fs::path(home ? home : "/") / ".pyenv/versions", ignored)) {
    folders.push_back(version.path() / "lib");
    folders.push_back(version.path() / "bin");
  }
  std::set<std::string> seen;
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename().string();
      const bool library = name.starts_with("libpython3") && name.find(".so.") != name.npos;
      const bool program = name.starts_with("python3") && name.find('-') == name.npos;
      if (!library && !program) continue;
      const fs::path real = fs::canonical(entry.path(), ignored);
      if (!real.empty() && seen.insert(real.string()).second) found.push_back(real.string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

TEST(DwarfStructs, SameAsLlvmOnTheSamples) {
  for (const char* const name : {"dwarf4.so", "dwarf5.so", "dwarf5_64bit.so", "clang.so"}) {
    if (!fs::exists(sample(name))) continue;
    Llvm llvm_reader(sample(name));
    ASSERT_TRUE(llvm_reader) << name;
    // A typedef in one unit of what another defines is beyond the simple oracle.
    const auto wanted = names({"a_shape", "_shape", "shape", "_t", "_hidden", "links", "links_again", "any",
                               "everything", "deep", "only_declared"});
    const auto ours = read(sample(name), wanted);
    ASSERT_NE(ours, nullptr);
    EXPECT_EQ(differences(*ours, llvm_reader.structs(wanted)), std::vector<std::string>{}) << name;
    EXPECT_EQ(ours->structs().size(), wanted.size() - 1) << name;
  }
}

TEST(DwarfStructs, SameAsLlvmOnEveryPython) {
  std::size_t covered = 0;
  for (const std::string& path : pythons()) {
    std::string why;
    const auto file = ElfFile::open(path, why);
    if (file == nullptr) continue;
    DebugFileSearch search;
    search.target_path = path;
    const auto start = std::chrono::steady_clock::now();
    const auto ours = DwarfStructs::load(file, kPython, search, why);
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (ours == nullptr) {
      std::cout << "left out: " << why << '\n';
      continue;
    }
    constexpr std::string_view kDescribes = "DWARF of ";
    Llvm llvm_reader(ours->description().substr(kDescribes.size()));
    ASSERT_TRUE(llvm_reader) << path;
    const auto theirs = llvm_reader.structs(kPython);
    if (theirs.empty() && ours->structs().empty()) continue;  // a program that is all in its libpython
    EXPECT_EQ(differences(*ours, theirs), std::vector<std::string>{}) << path;
    std::size_t fields = 0;
    for (const auto& [name, layout] : theirs) fields += layout.fields.size();
    std::cout << "covered: " << ours->description() << ": " << theirs.size() << " structs, " << fields
              << " fields, " << ms << " ms\n";
    ++covered;
  }
  if (covered == 0) std::cout << "left out: no Python here has debug information\n";
}

TEST_F(Worked, DwzOfAPython) {
  if (!have_dwz()) return;
  for (const std::string& path : pythons()) {
    const std::string name = fs::path(path).filename().string();
    // One, for dwz takes its time.
    if (!name.starts_with("libpython3.12") && !name.starts_with("libpython3.11")) continue;
    std::string why;
    const auto file = ElfFile::open(path, why);
    const ElfSection* const info = file == nullptr ? nullptr : file->section(".debug_info");
    if (info == nullptr || !info->has_bytes) continue;
    const std::string to = (folder_ / "python").string();
    fs::copy_file(path, to, fs::copy_options::overwrite_existing);
    if (!run("dwz " + to)) continue;
    const auto plain = read(path, kPython);
    const auto packed = read(to, kPython);
    ASSERT_TRUE(plain != nullptr && packed != nullptr);
    std::map<std::string, StructLayout> expected(plain->structs().begin(), plain->structs().end());
    EXPECT_EQ(differences(*packed, expected), std::vector<std::string>{}) << path;
    std::cout << "covered: dwz of " << path << '\n';
    return;
  }
  std::cout << "left out: no Python here has debug information of its own\n";
}

}  // namespace
}  // namespace heapglass
