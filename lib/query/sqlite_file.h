// Tables of ours as a SQLite database.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/query/query_table.h"

namespace heapglass {

// What is stored of a text, which may hold bytes that are no UTF-8.
using StoredText = std::string (*)(std::string_view text);

// Into an empty file that nobody else uses, by its descriptor, which stays the caller's. Columns called `id`
// are keys, and references have an index for each direction. Throws Error kFile, with `name` for people.
void save_as_sqlite(std::span<QueryTable* const> tables, int descriptor, const std::string& name,
                    StoredText stored);

}  // namespace heapglass
