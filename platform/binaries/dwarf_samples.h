// What the tests of DwarfStructs share: samples of testdata/elf, and copies of them.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "platform/binaries/dwarf_structs.h"

namespace heapglass {

namespace fs = std::filesystem;

inline std::string sample(const std::string& name) { return std::string(HEAPGLASS_ELF_SAMPLES) + "/" + name; }

inline std::vector<WantedStruct> names(const std::vector<std::string>& of) {
  std::vector<WantedStruct> wanted;
  for (const std::string& name : of) wanted.push_back({name});
  return wanted;
}

// Throws where there are none.
inline std::unique_ptr<DwarfStructs> read(const std::string& path, const std::vector<WantedStruct>& wanted) {
  std::string why;
  const auto file = ElfFile::open(path, why);
  DebugFileSearch search;
  search.target_path = path;
  auto structs = file ? DwarfStructs::load(file, wanted, search, why) : nullptr;
  if (!structs) throw std::runtime_error(path + ": " + why);
  return structs;
}

// Copies of the samples that other programs have worked on.
class WorkedFiles {
 public:
  WorkedFiles() : folder_(fs::temp_directory_path() / ("heapglass_dwarf." + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~WorkedFiles() { fs::remove_all(folder_); }
  WorkedFiles(const WorkedFiles&) = delete;
  WorkedFiles& operator=(const WorkedFiles&) = delete;

 protected:
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
  const fs::path folder_;
};

}  // namespace heapglass
