#include "lib/render/text_tree.h"

#include <ostream>

#include "lib/render/numbers.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

struct Line {
  std::uint32_t node = 0;
  const PictureEdge* edge = nullptr;  // that led here; null for a start
  std::string indent;                 // of the lines below this one
  std::string lead;                   // what stands before the text
};

std::string text_of(const Picture& picture, const Line& line) {
  const PictureNode& node = picture.nodes[line.node];
  std::string text;
  if (line.edge && !line.edge->label.empty()) {
    const bool referrers = picture.direction == Picture::Direction::kReferrers;
    text += printable(line.edge->label) + (referrers ? " of " : ": ");
  }
  bool first = true;
  for (const std::string& each : node.lines) {
    if (!each.empty()) text += (first ? "" : "  ") + printable(each);
    first = first && each.empty();
  }
  if (!is_null(node.address)) text += "  " + to_hex(node.address);
  if (line.edge && line.edge->kind == PictureEdge::Kind::kWeak) text += "  (weak)";
  if (line.edge && line.edge->kind == PictureEdge::Kind::kGuess) text += "  (guess)";
  return text;
}

}  // namespace

void write_tree(const Picture& picture, const RenderOptions& options, std::ostream& out) {
  const bool referrers = picture.direction == Picture::Direction::kReferrers;
  std::vector<std::vector<const PictureEdge*>> below(picture.nodes.size());
  for (const PictureEdge& edge : picture.edges) below.at(referrers ? edge.to : edge.from).push_back(&edge);

  const std::string tee = options.unicode ? "├─ " : "|- ", last = options.unicode ? "└─ " : "`- ",
                    bar = options.unicode ? "│  " : "|  ", none = "   ";
  const auto write = [&](const std::string& line) {
    out << (options.width ? cut_end(line, options.width, options.unicode ? "…" : "..") : line) << '\n';
  };
  std::vector<bool> written(picture.nodes.size());
  std::vector<Line> stack;  // the next line on top; no recursion, the graph is the target's
  for (std::size_t i = picture.nodes.size(); i-- > 0;) {
    if (picture.nodes[i].start) stack.push_back({static_cast<std::uint32_t>(i)});
  }
  while (!stack.empty()) {
    const Line line = std::move(stack.back());
    stack.pop_back();
    const bool again = written[line.node];
    const auto& edges = below[line.node];
    const std::uint64_t more = picture.nodes[line.node].more;
    if (again && !line.edge) continue;
    write(line.lead + text_of(picture, line) + (again && (!edges.empty() || more) ? "  (see above)" : ""));
    if (again) continue;
    written[line.node] = true;
    // What is pushed first is written last.
    if (more != 0 && edges.empty()) write(line.indent + last + grouped(more) + " more");
    for (std::size_t i = edges.size(); i-- > 0;) {
      const bool end = i + 1 == edges.size();
      stack.push_back({referrers ? edges[i]->from : edges[i]->to, edges[i], line.indent + (end ? none : bar),
                       line.indent + (end ? last : tee)});
    }
    if (more != 0 && !edges.empty()) write(line.indent + tee + grouped(more) + " more");
  }
}

}  // namespace heapglass
