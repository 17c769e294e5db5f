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

class TreeWriter {
 public:
  TreeWriter(const Picture& picture, const RenderOptions& options, std::ostream& out)
      : picture_(picture),
        options_(options),
        out_(out),
        tee_(options.unicode ? "├─ " : "|- "),
        last_(options.unicode ? "└─ " : "`- "),
        bar_(options.unicode ? "│  " : "|  "),
        below_(picture.nodes.size()),
        written_(picture.nodes.size()) {
    for (const PictureEdge& edge : picture.edges)
      below_.at(is_of_referrers() ? edge.to : edge.from).push_back(&edge);
  }

  void write() {
    for (std::size_t i = picture_.nodes.size(); i-- > 0;)
      if (picture_.nodes[i].start) stack_.push_back({static_cast<std::uint32_t>(i), nullptr, {}, {}});
    while (!stack_.empty()) {
      const Line line = std::move(stack_.back());
      stack_.pop_back();
      if (!written_[line.node])
        write_with_children(line);
      else if (line.edge)
        write_again(line);
    }
  }

 private:
  bool is_of_referrers() const { return picture_.direction == Picture::Direction::kReferrers; }

  void write_line(const std::string& line) {
    out_ << (options_.width ? cut_end(line, options_.width, options_.unicode ? "…" : "..") : line) << '\n';
  }

  // A node that has its children elsewhere.
  void write_again(const Line& line) {
    const bool has_more = !below_[line.node].empty() || picture_.nodes[line.node].more != 0;
    write_line(line.lead + text_of(picture_, line) + (has_more ? "  (see above)" : ""));
  }

  void write_with_children(const Line& line) {
    write_line(line.lead + text_of(picture_, line));
    written_[line.node] = true;
    const auto& edges = below_[line.node];
    const std::uint64_t more = picture_.nodes[line.node].more;
    // What is pushed first is written last.
    for (std::size_t i = edges.size(); i-- > 0;) {
      const bool end = i + 1 == edges.size();
      stack_.push_back({is_of_referrers() ? edges[i]->from : edges[i]->to, edges[i],
                        line.indent + (end ? "   " : bar_), line.indent + (end ? last_ : tee_)});
    }
    if (more != 0) write_line(line.indent + (edges.empty() ? last_ : tee_) + grouped(more) + " more");
  }

  const Picture& picture_;
  const RenderOptions& options_;
  std::ostream& out_;
  const std::string tee_, last_, bar_;
  std::vector<std::vector<const PictureEdge*>> below_;
  std::vector<bool> written_;
  std::vector<Line> stack_;  // the next line on top; no recursion, the graph is the target's
};

}  // namespace

void write_tree(const Picture& picture, const RenderOptions& options, std::ostream& out) {
  TreeWriter(picture, options, out).write();
}

}  // namespace heapglass
