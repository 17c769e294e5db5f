// DwarfStructs against LLVM's own reader, on the samples and on the interpreters of this machine.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "llvm/DebugInfo/DWARF/DWARFContext.h"
#include "llvm/Object/ELFObjectFile.h"
#include "platform/binaries/dwarf_samples.h"

namespace heapglass {
namespace {

namespace dw = llvm::dwarf;

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

class WorkedPython : public testing::Test, protected WorkedFiles {};

TEST_F(WorkedPython, DwzOfAPython) {
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
