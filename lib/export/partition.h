// Folders below a folder in which captures lie by service, host and time, as DuckDB, ClickHouse and Spark
// read them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lib/render/output.h"

namespace heapglass {

// A value of a path's NAME=VALUE, as Hive and those after it read it: what has a meaning in paths is %XX.
std::string path_value(const std::string& text);

std::filesystem::path without_last_slash(const std::string& folder);

// With `name`; false and errno where it cannot be made.
bool make_folder(int in, const std::string& name, FileMode mode);

// Throws Error kFile where it can be seen that the folders of `below`, each in that before it, cannot be made
// in `root`, which need not be there, or that `name` cannot be written in the last.
void check_partition(const std::filesystem::path& root, const std::vector<std::string>& below,
                     const std::string& name);

// Makes those that are not there, `root` too. Throws Error kFile.
void make_partition(const std::filesystem::path& root, const std::vector<std::string>& below, FileMode mode);

}  // namespace heapglass
