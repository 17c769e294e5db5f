// objgraph 3.6.2's own drawing (_show_graph of objgraph.py): the same nodes, edges, labels and colours.

#include <algorithm>
#include <cstdio>

#include "lib/render/graphviz.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestLine = 4096;  // objgraph has no limit; Graphviz needs one

struct Hsv {
  double h, s, v;
};

// From `start` at depth 0 to `end` at the greatest.
Hsv gradient(Hsv start, Hsv end, int depth, int max_depth) {
  if (max_depth == 0) return start;
  const double f = std::min(static_cast<double>(depth) / max_depth, 1.0);
  return {start.h * (1 - f) + end.h * f, start.s * (1 - f) + end.s * f, start.v * (1 - f) + end.v * f};
}

std::string text(Hsv color) {
  char text[64];
  std::snprintf(text, sizeof text, "%g,%g,%g", color.h, color.s, color.v);
  return text;
}

std::string label(const std::vector<std::string>& lines) {
  std::string label;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    label += (i ? "\\n" : "") + escaped(cut_end(lines[i], kLongestLine, "…"));
  }
  return label;
}

Attributes node_attributes(const PictureNode& node, int max_depth) {
  Hsv color = gradient({0, 0, 1}, {0, 0, .3}, node.depth, max_depth);
  if (node.kind == PictureNode::Kind::kModule) {
    color.h = .3;
    color.s = 1;
  }
  if (node.highlight) color = {.6, .6, .5 + color.v * .5};
  Attributes attributes = {{"label", label(node.lines)}, {"fillcolor", text(color)}};
  // Written last by objgraph, so it wins over the red of a start object.
  if (color.v < .5) {
    attributes.push_back({"fontcolor", "white"});
  } else if (node.start) {
    attributes.push_back({"fontcolor", "red"});
  }
  return attributes;
}

Attributes edge_attributes(const PictureEdge& edge) {
  Attributes attributes;
  if (!edge.label.empty()) attributes.push_back({"label", escaped(cut_end(edge.label, kLongestLine, "…"))});
  if (edge.weight != 0) attributes.push_back({"weight", std::to_string(edge.weight)});
  return attributes;
}

const Attributes kSideEdge = {{"color", "red"}, {"style", "dotted"}, {"len", "0.25"}, {"weight", "10"}};

}  // namespace

Graph objgraph_style(const Picture& picture) {
  Graph graph = new_graph();
  Agraph_s* g = graph.get();
  // Graphviz's own defaults where objgraph says nothing.
  for (const Attribute& attribute : {Attribute{"shape", "box"},
                                     {"style", "filled"},
                                     {"fillcolor", "white"},
                                     {"fontcolor", "black"},
                                     {"color", "black"},
                                     {"fontsize", "14"},
                                     {"height", "0.5"},
                                     {"label", "\\N"}}) {
    node_default(g, attribute);
  }
  for (const Attribute& attribute :
       {Attribute{"label", ""}, {"color", "black"}, {"style", ""}, {"len", "1"}, {"weight", "1"}}) {
    edge_default(g, attribute);
  }
  std::vector<Agnode_s*> nodes;
  nodes.reserve(picture.nodes.size());
  for (std::size_t i = 0; i < picture.nodes.size(); ++i) {
    nodes.push_back(add_node(g, node_name(picture, i), node_attributes(picture.nodes[i], picture.max_depth)));
  }
  for (const PictureEdge& edge : picture.edges) {
    add_edge(g, nodes.at(edge.from), nodes.at(edge.to), edge_attributes(edge));
  }
  const bool referrers = picture.direction == Picture::Direction::kReferrers;
  for (std::size_t i = 0; i < picture.nodes.size(); ++i) {
    const PictureNode& node = picture.nodes[i];
    if (node.has_del) {
      Agnode_s* del = add_node(g, node_name(picture, i) + "_has_a_del",
                               {{"label", "__del__"},
                                {"shape", "doublecircle"},
                                {"height", "0.25"},
                                {"color", "red"},
                                {"fillcolor", "0,.5,1"},
                                {"fontsize", "6"}});
      add_edge(g, nodes[i], del, kSideEdge);
    }
    if (node.more != 0) {
      const Hsv color = gradient({0, 1, 1}, {0, 1, .3}, node.depth + 1, picture.max_depth);
      const char* what = referrers ? " more backreferences" : " more references";
      Agnode_s* more = add_node(g, "too_many_" + node_name(picture, i),
                                {{"label", std::to_string(node.more) + what},
                                 {"shape", "box"},
                                 {"height", "0.25"},
                                 {"color", "red"},
                                 {"fillcolor", text(color)},
                                 {"fontsize", "6"},
                                 {"fontcolor", "white"}});
      add_edge(g, referrers ? more : nodes[i], referrers ? nodes[i] : more, kSideEdge);
    }
  }
  return graph;
}

}  // namespace heapglass
