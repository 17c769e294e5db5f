#include "platform/binaries/debug_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "platform/binaries/dwarf_structs.h"
#include "platform/binaries/elf_symbols.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

// Splits a sample into a stripped file and its debug file, as a distribution does.
class DebugFiles : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string_view(HEAPGLASS_OBJCOPY).empty()) GTEST_SKIP() << "no objcopy";
    root_ = fs::path(testing::TempDir()) / ("heapglass_debug_files." + std::to_string(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_ / "bin");
    const std::string whole = std::string(HEAPGLASS_ELF_SAMPLES) + "/dwarf5.so";
    run("--only-keep-debug", whole, "all.debug");
    // The link is made from the name and the checksum of the file that is there at the time.
    fs::copy_file(root_ / "all.debug", root_ / "bin" / "lib.debug");
    run("--strip-all --add-gnu-debuglink=" + (root_ / "bin" / "lib.debug").string(), whole, "bin/lib.so");
    run("--strip-all --remove-section=.note.gnu.build-id --add-gnu-debuglink=" +
            (root_ / "bin" / "lib.debug").string(),
        whole, "bin/no_id.so");
    fs::remove(root_ / "bin" / "lib.debug");
    stripped_ = open("bin/lib.so");
    search_.debug_roots = {(root_ / "debug").string()};
    search_.target_path = (root_ / "bin" / "lib.so").string();
  }
  void TearDown() override { fs::remove_all(root_); }

  void run(const std::string& options, const std::string& from, const std::string& to) {
    const std::string command =
        std::string(HEAPGLASS_OBJCOPY) + " " + options + " " + from + " " + (root_ / to).string();
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  std::shared_ptr<const ElfFile> open(const std::string& name) {
    std::string why;
    auto file = ElfFile::open((root_ / name).string(), why);
    EXPECT_NE(file, nullptr) << why;
    return file;
  }
  void put(const std::string& at, const std::string& from = "all.debug") {
    fs::create_directories((root_ / at).parent_path());
    fs::copy_file(root_ / from, root_ / at, fs::copy_options::overwrite_existing);
  }
  std::string found() {
    const DebugFile file = find_debug_file(*stripped_, search_);
    return file.file == nullptr ? "" : fs::relative(file.file->name(), root_).string();
  }
  std::string by_build_id() const {
    const std::string id = stripped_->build_id();
    return "debug/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
  }

  fs::path root_;
  std::shared_ptr<const ElfFile> stripped_;
  DebugFileSearch search_;
};

TEST_F(DebugFiles, NothingFoundSaysWhereItLooked) {
  EXPECT_EQ(found(), "");
  const std::string said = find_debug_file(*stripped_, search_).description;
  EXPECT_NE(said.find(stripped_->build_id().substr(2)), std::string::npos) << said;
  EXPECT_NE(said.find("lib.debug"), std::string::npos) << said;
}

TEST_F(DebugFiles, ByBuildId) {
  put(by_build_id());
  EXPECT_EQ(found(), by_build_id());
  search_.target_path.clear();
  EXPECT_EQ(found(), by_build_id());
}

TEST_F(DebugFiles, ByDebugLinkInEachPlace) {
  for (const std::string& at : {std::string("bin/lib.debug"), std::string("bin/.debug/lib.debug"),
                                "debug" + (root_ / "bin" / "lib.debug").string()}) {
    put(at);
    EXPECT_EQ(found(), at);
    fs::remove(root_ / at);
  }
}

TEST_F(DebugFiles, BelowAnotherRoot) {
  // As the target's own /usr/lib/debug would be found by way of /proc/PID/root.
  search_.root_prefix = (root_ / "container").string();
  search_.debug_roots = {"/usr/lib/debug"};
  search_.target_path = "/opt/lib.so";
  const std::string id = stripped_->build_id();
  const std::string at =
      "container/usr/lib/debug/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
  put(at);
  EXPECT_EQ(found(), at);
  fs::remove(root_ / at);
  put("container/opt/.debug/lib.debug");
  EXPECT_EQ(found(), "container/opt/.debug/lib.debug");
}

TEST_F(DebugFiles, AnotherBuildIsRefused) {
  run("--only-keep-debug", std::string(HEAPGLASS_ELF_SAMPLES) + "/dwarf4.so", "other.debug");
  put(by_build_id(), "other.debug");
  put("bin/lib.debug", "other.debug");
  EXPECT_EQ(found(), "");
  EXPECT_NE(find_debug_file(*stripped_, search_).description.find("of another build"), std::string::npos);
}

TEST_F(DebugFiles, TheChecksumDecidesWithoutABuildId) {
  stripped_ = open("bin/no_id.so");
  ASSERT_EQ(stripped_->build_id(), "");
  put("bin/lib.debug");
  EXPECT_EQ(found(), "bin/lib.debug");
  std::ofstream(root_ / "bin" / "lib.debug", std::ios::app) << "x";
  EXPECT_EQ(found(), "");
}

TEST_F(DebugFiles, AFifoOrADeviceIsNotOpened) {
  fs::create_directories((root_ / by_build_id()).parent_path());
  ASSERT_EQ(mkfifo((root_ / by_build_id()).c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", root_ / "bin" / "lib.debug");
  EXPECT_EQ(found(), "");
  const std::string said = find_debug_file(*stripped_, search_).description;
  EXPECT_NE(said.find("not a regular file"), std::string::npos) << said;
}

// The link of dwz -m is a path, by whoever made the file.
TEST_F(DebugFiles, AnAlternateFileIsOfAFolderOfDebugFiles) {
  const std::string sample = HEAPGLASS_SOURCE_DIR "/testdata/corpus/elf_fuzz/";
  for (const std::string& to : {std::string("bin"), std::string("other"), std::string("debug/.dwz")}) {
    fs::create_directories(root_ / to);
    fs::copy_file(sample + "dwz_shared.so", root_ / to / "shared.debug");
  }
  const auto alternate_of = [&](const std::string& link) {
    const std::string path = (root_ / "bin" / "linked.so").string();
    std::string text = link;
    std::string why;
    const auto whole = ElfFile::open(sample + "dwz_altlink.so", why);
    EXPECT_NE(whole, nullptr) << why;
    const std::string id = whole->debug_alt_link()->id;
    text += '\0';
    for (std::size_t i = 0; i + 1 < id.size(); i += 2)
      text += static_cast<char>(std::stoi(id.substr(i, 2), nullptr, 16));
    std::ofstream(root_ / "link", std::ios::binary) << text;
    run("--update-section=.gnu_debugaltlink=" + (root_ / "link").string(), sample + "dwz_altlink.so",
        "bin/linked.so");
    return find_alt_file(*ElfFile::open(path, why), search_);
  };
  EXPECT_NE(alternate_of("shared.debug").file, nullptr) << alternate_of("shared.debug").description;
  EXPECT_NE(alternate_of((root_ / "debug/.dwz/shared.debug").string()).file, nullptr);
  EXPECT_NE(alternate_of("../debug/.dwz/shared.debug").file, nullptr);
  for (const std::string& link :
       {(root_ / "other/shared.debug").string(), std::string("../other/shared.debug"),
        (root_ / "debug/../other/shared.debug").string()}) {
    const DebugFile refused = alternate_of(link);
    EXPECT_EQ(refused.file, nullptr) << link;
    EXPECT_NE(refused.description.find("is in no folder of debug files"), std::string::npos)
        << refused.description;
  }
}

TEST_F(DebugFiles, TheStrippedFileIsNotItsOwnDebugFile) {
  put(by_build_id(), "bin/lib.so");
  EXPECT_EQ(found(), "");
}

TEST_F(DebugFiles, SymbolsAndStructsComeFromIt) {
  put(by_build_id());
  const ElfSymbols symbols(stripped_, 0, [&] { return find_debug_file(*stripped_, search_).file; });
  const auto local = symbols.find("local_object");
  std::string why;
  const auto whole = ElfFile::open(std::string(HEAPGLASS_ELF_SAMPLES) + "/dwarf5.so", why);
  ASSERT_TRUE(local);
  EXPECT_EQ(local->address, ElfSymbols(whole, 0).find("local_object")->address);
  const std::vector<WantedStruct> wanted = {{"everything"}};
  const auto structs = DwarfStructs::load(stripped_, wanted, search_, why);
  ASSERT_NE(structs, nullptr) << why;
  EXPECT_NE(structs->find("everything"), nullptr);
  EXPECT_NE(structs->description().find(by_build_id()), std::string::npos) << structs->description();

  fs::remove(root_ / by_build_id());
  EXPECT_EQ(DwarfStructs::load(stripped_, wanted, search_, why), nullptr);
  EXPECT_NE(why.find("no debug information"), std::string::npos) << why;
}

}  // namespace
}  // namespace heapglass
