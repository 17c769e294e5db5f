#include <algorithm>
#include <map>
#include <numeric>

#include "lib/heap/owners.h"

namespace heapglass {
namespace {

const OwnerCount* find(const std::vector<OwnerCount>& rows, const std::string& path) {
  const auto at = std::lower_bound(rows.begin(), rows.end(), path,
                                   [](const OwnerCount& row, const std::string& p) { return row.path < p; });
  return at != rows.end() && at->path == path ? &*at : nullptr;
}

// The path under which a row is compared with the other moment: that of what it is in there.
const std::string& common_path(const std::vector<OwnerCount>& mine, const std::vector<OwnerCount>& other,
                               const OwnerCount& row) {
  const std::string* path = &row.path;
  // Parents come before their parts; no chain is longer than the list.
  std::size_t steps = 0;
  for (std::uint32_t p = row.parent; p != Owner::kNone && steps++ < mine.size(); p = mine[p].parent) {
    const OwnerCount* const there = find(other, mine[p].path);
    if (there && there->collection) path = &mine[p].path;
  }
  return *path;
}

}  // namespace

std::vector<OwnerCount> owner_counts(const Owners& owners, std::vector<std::uint32_t>* row_of) {
  std::vector<std::uint32_t> order(owners.owners.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return owners.owners[a].path < owners.owners[b].path;
  });
  std::vector<OwnerCount> rows;
  std::vector<std::uint32_t> row(owners.owners.size());
  for (const std::uint32_t i : order) {
    const Owner& o = owners.owners[i];
    if (rows.empty() || rows.back().path != o.path)
      rows.push_back({.path = o.path, .what = o.what, .collection = o.collection});
    OwnerCount& r = rows.back();
    row[i] = static_cast<std::uint32_t>(rows.size() - 1);
    r.collection |= o.collection;
    r.objects += o.objects;
    r.bytes += o.bytes;
    if (o.entries) r.entries = r.entries.value_or(0) + *o.entries;
  }
  for (std::size_t i = 0; i < owners.owners.size(); ++i)
    if (const std::uint32_t parent = owners.owners[i].parent; parent != Owner::kNone)
      rows[row[i]].parent = row[parent];
  if (row_of) *row_of = std::move(row);
  return rows;
}

std::vector<OwnerGrowth> owner_growth(const std::vector<OwnerCount>& before,
                                      const std::vector<OwnerCount>& after) {
  std::map<std::string, OwnerGrowth> by_path;
  for (const OwnerCount& row : before) {
    const std::string& path = common_path(before, after, row);
    OwnerGrowth& growth = by_path[path];
    growth.objects_before += row.objects;
    growth.bytes_before += row.bytes;
    if (path != row.path) continue;
    growth.what = row.what;
    growth.entries_before = row.entries;
  }
  for (const OwnerCount& row : after) {
    const std::string& path = common_path(after, before, row);
    OwnerGrowth& growth = by_path[path];
    growth.objects_after += row.objects;
    growth.bytes_after += row.bytes;
    if (path != row.path) continue;
    growth.what = row.what;
    growth.entries_after = row.entries;
  }
  std::vector<OwnerGrowth> rows;
  for (auto& [path, growth] : by_path) {
    growth.path = path;
    rows.push_back(std::move(growth));
  }
  return rows;
}

}  // namespace heapglass
