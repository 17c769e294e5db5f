// A folder with a file for each table of `query`, that is there with all of them or not at all.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/render/output_options.h"

namespace heapglass {

// Whose heap it is and when, for --format parquet.
struct HeapPlace {
  std::string service, host, time;
};

class TableFolder {
 public:
  static TableFolder of_csv(const std::string& folder, FileMode mode);
  // FOLDER/service=.../host=.../time=..., and what of it is not there.
  static TableFolder of_parquet(const std::string& folder, const HeapPlace& place, FileMode mode);

  // Before the rights are given up: that these files will be written, and the folder made. Throws Error kFile
  // where it can be seen that it cannot.
  void agree(OutputOptions& options);

  // After it, in this order. Each throws Error kFile.
  void make() const;
  void add(std::string_view table, const std::function<void(std::ostream&)>& write) const;
  void commit() const;

 private:
  class Making;
  TableFolder(std::shared_ptr<Making> making, std::string ending);
  std::string file(std::string_view table) const;  // its name
  std::string path(std::string_view table) const;  // while it is made

  std::shared_ptr<Making> making_;
  std::string ending_;
  std::size_t first_deed_ = 0;
};

}  // namespace heapglass
