// SQLite on a file that is open already: who decodes has no right to open one by name.
#pragma once

#include <string>

namespace heapglass {

// A file system of SQLite's (a VFS) in which every database is the file of that descriptor, which is not
// closed. For one connection that writes, without a journal.
class DescriptorFiles {
 public:
  explicit DescriptorFiles(int descriptor);
  const char* name() const { return name_.c_str(); }

 private:
  std::string name_;
};

}  // namespace heapglass
