// Where tests find Prometheus's programs.
#pragma once

#include <filesystem>
#include <string>

namespace heapglass {

// Of the system, or where scripts/setup --tests unpacks it; empty: nowhere.
inline std::string prometheus_program(const std::string& name) {
  for (const std::string& place :
       {HEAPGLASS_SOURCE_DIR "/.packages/prometheus/usr/bin/" + name, "/usr/bin/" + name})
    if (std::filesystem::exists(place)) return place;
  return "";
}

}  // namespace heapglass
