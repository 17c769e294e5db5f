// The key of --hash-values: a file of its own, so that snapshots can be given away without it.
#pragma once

#include <string>

#include "platform/files/keyed_hash.h"

namespace heapglass {

// Reads the key, 32 hexadecimal digits and the end of the line; makes the file with a new one, readable by
// its owner alone, where there is none. Throws Error kFile where it holds something else or others may read
// it.
HashKey key_of_file(const std::string& path);

// Tells keys apart without giving them away: the hash of a text that no value has.
std::string name_of_key(const HashKey& key);

}  // namespace heapglass
