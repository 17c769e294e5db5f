#include "lib/screen/row_detail.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "lib/base/error.h"
#include "lib/render/text.h"
#include "lib/report/path_report.h"

namespace heapglass {
namespace {

constexpr std::size_t kMostPaths = 5, kMostTypes = 12;

std::vector<std::string> lines_of(const Document& document, std::size_t columns, ScreenText how) {
  std::ostringstream text;
  RenderOptions options{.width = columns, .unicode = how.utf8};
  render_text(document, options, text);
  std::vector<std::string> lines;
  std::istringstream in(text.str());
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

void add_paths(const Heap& heap, const std::vector<NodeId>& targets, Document& document) {
  const FoundPaths found = find_paths(heap, heap.root_paths(), targets, kMostPaths);
  Table table = paths_table(heap, found.paths);
  if (found.in_all > found.paths.size())
    table.notes.push_back(std::to_string(found.in_all - found.paths.size()) + " more paths");
  if (found.reached < targets.size())
    table.notes.push_back(std::to_string(targets.size() - found.reached) + " of " +
                          std::to_string(targets.size()) +
                          " objects are reached from nowhere: garbage that a collection would free");
  document.sections.push_back(std::move(table));
}

Table types_table(const Heap& heap, const std::vector<NodeId>& nodes) {
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> by_name;  // objects, bytes
  for (const NodeId n : nodes) {
    auto& [objects, bytes] = by_name[heap.type_of(n).name];
    ++objects;
    bytes += heap.graph().all_bytes(index(n));
  }
  std::vector<std::pair<std::string, std::pair<std::uint64_t, std::uint64_t>>> rows(by_name.begin(),
                                                                                    by_name.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.second > b.second.second; });
  Table table{.key = "types",
              .title = "Its objects by type",
              .columns = {{"objects", "objects", Kind::kCount},
                          {"bytes", "bytes", Kind::kBytes},
                          {"type", "type", Kind::kText}}};
  for (std::size_t i = 0; i < std::min(rows.size(), kMostTypes); ++i)
    table.rows.push_back({rows[i].second.first, rows[i].second.second, rows[i].first});
  if (rows.size() > kMostTypes)
    table.notes.push_back(std::to_string(rows.size() - kMostTypes) + " more types");
  return table;
}

}  // namespace

std::vector<std::string> type_detail(const Heap& heap, const std::string& type, std::size_t columns,
                                     ScreenText how) {
  const std::vector<NodeId> targets = heap.select({type}, {});
  Document document;
  if (targets.size() > 1)
    if (auto holders = holders_table(heap, heap.root_paths(), targets))
      document.sections.push_back(std::move(*holders));
  add_paths(heap, targets, document);
  return lines_of(document, columns, how);
}

std::vector<std::string> owner_detail(const Heap& heap, const std::string& owner, std::size_t columns,
                                      ScreenText how) {
  const Owners& owners = heap.owners();
  std::vector<bool> is_it;
  std::vector<NodeId> nodes, named;
  for (const Owner& each : owners.owners) {
    is_it.push_back(each.path == owner);
    if (is_it.back() && each.node != kNoNode) named.push_back(each.node);
  }
  for (std::uint32_t n = 0; n < owners.of.size(); ++n)
    if (owners.of[n] != Owner::kNone && is_it[owners.of[n]]) nodes.push_back(NodeId{n});
  if (nodes.empty())
    throw Error(ErrorKind::kUsage, "there is no owner '" + owner + "' any more in " + heap.target().name());
  Document document;
  if (!named.empty()) {
    std::sort(named.begin(), named.end());
    named.erase(std::unique(named.begin(), named.end()), named.end());
    add_paths(heap, named, document);
  }
  document.sections.push_back(types_table(heap, nodes));
  return lines_of(document, columns, how);
}

}  // namespace heapglass
