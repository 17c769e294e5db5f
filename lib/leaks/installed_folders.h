// The folders that packages were installed into, whatever they are called.
#pragma once

#include <string>
#include <vector>

#include "lib/leaks/leak_search.h"

namespace heapglass {

// Of `search` nothing is asked but its graph, values and modules. With a slash at the end. Those are folders
// in which the import system has seen a NAME-VERSION.dist-info, which pip writes; sys.path_importer_cache has
// the names of all files of the folders on sys.path. That of the main program is not among them: of a folder
// with the program and its packages nothing tells whose a module is.
std::vector<std::string> installed_folders(const LeakSearch& search);

}  // namespace heapglass
