#include "lib/report/path_picture.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace heapglass {

Picture draw_root_paths(GraphDrawer& maker, const std::vector<std::vector<NodeId>>& root_paths,
                        const std::string& title, std::size_t most) {
  Picture picture{.title = title, .direction = Picture::Direction::kReferrers};
  std::unordered_map<std::uint32_t, std::uint32_t> place;
  std::unordered_set<std::uint64_t> drawn;
  std::size_t left_out = 0;
  for (const std::vector<NodeId>& path : root_paths) {
    for (std::size_t i = path.size(); i-- > 0;) {
      const NodeId n = path[i];
      if (!place.count(index(n))) {
        if (picture.nodes.size() >= most) {
          ++left_out;
          break;
        }
        place[index(n)] = static_cast<std::uint32_t>(picture.nodes.size());
        picture.nodes.push_back(maker.node(n, static_cast<int>(path.size() - 1 - i)));
      }
      if (i + 1 == path.size()) continue;
      const std::uint32_t from = place[index(n)], to = place[index(path[i + 1])];
      if (drawn.insert(std::uint64_t{from} << 32 | to).second) maker.add_edges(picture, from, to);
    }
  }
  for (const PictureNode& node : picture.nodes) picture.max_depth = std::max(picture.max_depth, node.depth);
  maker.add_roots(picture);
  if (left_out)
    picture.notes.push_back(std::to_string(left_out) +
                            " ways are not drawn to their start: --max-nodes N draws more");
  return picture;
}

}  // namespace heapglass
