// From samples to the rows of top.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/open/python_processes.h"
#include "lib/sample/sampler.h"
#include "lib/screen/top_state.h"

namespace heapglass {

// `before` and `first` may be null: no growth is known then.
std::vector<TopRow> type_rows(const Sample& latest, const Sample* before, const Sample* first);
// Of samples that have owners.
std::vector<TopRow> owner_rows(const Sample& latest, const Sample* before, const Sample* first);

// The parts of the memory accounting, most important first; they add up.
std::vector<TopPart> parts_of(const MemoryBill& bill);

// The processes with their growth a minute, over the last minute that is known of each.
class ProcessRows {
 public:
  std::vector<TopRow> rows(const PythonProcesses& processes, double seconds);
  void set_objects(const std::string& pid, std::uint64_t objects) { objects_[pid] = objects; }

 private:
  struct Known {
    double born = 0;  // a number that is given again is of another process
    std::vector<std::pair<double, std::uint64_t>> rss;
  };
  std::map<std::int32_t, Known> known_;
  std::map<std::string, std::uint64_t> objects_;
};

}  // namespace heapglass
