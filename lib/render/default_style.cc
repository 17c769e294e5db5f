// Our own drawing: what a thing is shows in shape, outline and colour, never in colour alone.
// The hues are Okabe and Ito's, which colour-blind people tell apart, over light tints of them.

#include <algorithm>
#include <array>
#include <map>

#include "lib/render/graphviz.h"
#include "lib/render/numbers.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr std::size_t kTypeColumns = 36, kReprColumns = 40, kFiguresColumns = 48, kEdgeColumns = 26;
constexpr std::size_t kTitleColumns = 110;
constexpr std::size_t kRoughLayout = 500;  // nodes; above, a third of the time counts more than beauty
constexpr std::size_t kEdgeLabels = 3;     // of parallel references drawn as one arrow
constexpr const char* kText = "#1b2733";
constexpr const char* kQuiet = "#5b6875";
constexpr const char* kWarning = "#b34700";

// How each thing looks. `name` is its CSS class in SVG, where svg.cc has the dark colours.
struct Look {
  const char* name;
  const char* legend;
  const char* shape;
  const char* fill;
  const char* line;
  const char* width;
  const char* style;
  int peripheries;
};
constexpr Look kObject = {"object", "object", "box", "#f4f6f8", "#7d8a97", "1", "rounded,filled", 1};
constexpr Look kUntracked = {
    "untracked", "not tracked by the collector", "box", "#ffffff", "#a9b4be", "0.7", "rounded,filled", 1};
constexpr Look kClass = {"class", "class", "box", "#e3f0fa", "#0072b2", "1", "filled", 1};
constexpr Look kModule = {"module", "module", "folder", "#dcf3ea", "#009e73", "1.2", "filled", 1};
constexpr Look kFrame = {"frame", "frame", "note", "#fff3d1", "#c98a00", "1.2", "filled", 1};
constexpr Look kRoot = {"root", "root", "box", "#f7e6f0", "#b0588a", "1.2", "filled", 2};
constexpr Look kHighlight = {"highlight", "highlighted",    "box", "#bfe3f8", "#0072b2",
                             "1.8",       "rounded,filled", 1};
constexpr Look kStart = {"start", "start", "box", "#fde3d0", "#d55e00", "2.4", "rounded,filled", 1};
constexpr std::array kLooks = {&kStart, &kHighlight, &kObject, &kUntracked,
                               &kClass, &kModule,    &kFrame,  &kRoot};

const Look& look(const PictureNode& node) {
  switch (node.kind) {
    case PictureNode::Kind::kModule:
      return kModule;
    case PictureNode::Kind::kClass:
      return kClass;
    case PictureNode::Kind::kFrame:
      return kFrame;
    case PictureNode::Kind::kRoot:
      return kRoot;
    case PictureNode::Kind::kObject:
      break;
  }
  return node.untracked ? kUntracked : kObject;
}

// The shape says what a node is; start and highlight colour it whatever it is.
const Look& coloring(const PictureNode& node) {
  return node.start ? kStart : node.highlight ? kHighlight : look(node);
}

std::string font(const char* size, const char* color, const std::string& markup) {
  return std::string("<font point-size=\"") + size + "\" color=\"" + color + "\">" + markup + "</font>";
}

// Graphviz takes an empty element for a syntax error.
std::string shown(std::string_view text) { return html_escaped(text.empty() ? " " : text); }

// The last part of a dotted name is what people know a type by: the packages before it give way first.
std::string type_markup(const std::string& line) {
  const std::string type = printable(line);
  const std::size_t end = type.find_first_of(" [(<");
  const std::size_t dot = type.rfind('.', end);
  if (dot == std::string::npos || dot == 0 || dot + 1 >= type.size()) {
    return "<b>" + shown(cut_middle(type, kTypeColumns, "…")) + "</b>";
  }
  const std::string name = cut_middle(type.substr(dot + 1), kTypeColumns, "…");
  const std::size_t room = kTypeColumns - display_width(name);
  const std::string packages = room < 8 ? "…" : cut_middle(type.substr(0, dot), room - 1, "…") + ".";
  return font("9", kQuiet, shown(packages)) + "<b>" + shown(name) + "</b>";
}

// Of a module, class, frame or root the name matters, of an object the type.
std::string head_markup(const PictureNode& node) {
  const std::string first = node.lines.empty() ? "?" : node.lines[0];
  const bool has_text = node.lines.size() > 1 && !node.lines[1].empty();
  if (!has_text) return type_markup(first);
  const std::string second = shown(cut_end(printable(node.lines[1]), kReprColumns, "…"));
  if (node.kind == PictureNode::Kind::kObject) return type_markup(first) + "<br/>" + second;
  return font("9", kQuiet, shown(cut_end(printable(first), kTypeColumns, "…"))) + "<br/><b>" + second +
         "</b>";
}

std::string label(const PictureNode& node) {
  std::string markup = head_markup(node);
  std::string figures;
  for (std::size_t i = 2; i < node.lines.size(); ++i) {
    if (!node.lines[i].empty()) figures += (figures.empty() ? "" : " · ") + printable(node.lines[i]);
  }
  if (node.immortal) figures += figures.empty() ? "immortal" : " · immortal";
  if (!figures.empty()) markup += "<br/>" + font("8", kQuiet, shown(cut_end(figures, kFiguresColumns, "…")));
  if (node.has_del) markup += "<br/>" + font("8", kWarning, "<b>has __del__</b>");
  return html(markup);
}

Attributes node_attributes(const PictureNode& node) {
  const Look& color = coloring(node);
  const Look& form = look(node);
  const bool plain = node.kind == PictureNode::Kind::kObject;
  std::string css = form.name;
  if (&color != &form) css += std::string(" ") + color.name;
  return {{"label", label(node)},
          {"class", css},
          {"shape", form.shape},
          {"fillcolor", color.fill},
          {"color", color.line},
          {"penwidth", color.width},
          {"style", plain ? color.style : form.style},
          {"peripheries", std::to_string(form.peripheries)}};
}

// References of one kind between the same two nodes are one arrow: ten slots of a list would hide the
// picture.
struct Arrow {
  std::uint32_t from, to;
  PictureEdge::Kind kind;
  std::vector<std::string> labels;
  std::size_t count = 0;
  int weight = 0;
};

std::vector<Arrow> arrows(const Picture& picture) {
  std::vector<Arrow> arrows;
  std::map<std::array<std::uint32_t, 3>, std::size_t> place;
  for (const PictureEdge& edge : picture.edges) {
    const auto [at, added] =
        place.try_emplace({edge.from, edge.to, static_cast<std::uint32_t>(edge.kind)}, arrows.size());
    if (added) arrows.push_back({edge.from, edge.to, edge.kind});
    Arrow& arrow = arrows[at->second];
    ++arrow.count;
    if (!edge.label.empty() && arrow.labels.size() < kEdgeLabels) arrow.labels.push_back(edge.label);
    arrow.weight = std::max(arrow.weight, edge.weight);
  }
  return arrows;
}

Attributes edge_attributes(const Arrow& arrow) {
  std::string label;
  for (const std::string& text : arrow.labels) {
    label += (label.empty() ? "" : "<br/>") + shown(cut_middle(printable(text), kEdgeColumns, "…"));
  }
  if (arrow.count > std::max<std::size_t>(arrow.labels.size(), 1)) {
    label += label.empty() ? "× " + grouped(std::uint64_t{arrow.count})
                           : "<br/>+ " + grouped(std::uint64_t{arrow.count - arrow.labels.size()}) + " more";
  }
  Attributes attributes;
  // The thin last line keeps underscores clear of the arrow.
  if (!label.empty()) attributes.push_back({"label", html(label + "<br/><font point-size=\"4\"> </font>")});
  if (arrow.kind == PictureEdge::Kind::kWeak) attributes.push_back({"style", "dotted"});
  if (arrow.kind == PictureEdge::Kind::kGuess) attributes.push_back({"style", "dashed"});
  if (arrow.weight > 1) attributes.push_back({"weight", std::to_string(arrow.weight)});
  return attributes;
}

std::string legend_box(const Look& look) {
  const bool round = std::string_view(look.style).starts_with("rounded");
  return std::string("<td border=\"1\" width=\"18\" height=\"12\" fixedsize=\"true\" bgcolor=\"") +
         look.fill + "\" color=\"" + look.line + "\"" + (round ? " style=\"rounded\"" : "") + "></td>" +
         "<td align=\"left\">" + font("9", kQuiet, look.legend) + "</td>";
}

std::string legend_text(const char* sample, const char* meaning) {
  return "<td>" + font("9", kQuiet, sample) + "</td><td align=\"left\">" + font("9", kQuiet, meaning) +
         "</td>";
}

std::string legend(const Picture& picture) {
  std::string cells;
  for (const Look* each : kLooks) {
    if (std::any_of(picture.nodes.begin(), picture.nodes.end(), [each](const PictureNode& node) {
          return &look(node) == each || &coloring(node) == each;
        })) {
      cells += legend_box(*each);
    }
  }
  const auto has = [&picture](PictureEdge::Kind kind) {
    return std::any_of(picture.edges.begin(), picture.edges.end(),
                       [kind](const PictureEdge& edge) { return edge.kind == kind; });
  };
  if (!picture.edges.empty()) cells += legend_text("──▸", "holds");
  if (has(PictureEdge::Kind::kWeak)) cells += legend_text("····▸", "holds weakly");
  if (has(PictureEdge::Kind::kGuess)) cells += legend_text("- - ▸", "seems to hold (found by scanning)");
  return cells;
}

// Graphviz has one label a graph: the title, the legend of what occurs, the notes.
std::string heading(const Picture& picture) {
  std::string rows;
  if (!picture.title.empty()) {
    rows += "<tr><td align=\"left\">" +
            font("14", kText, "<b>" + shown(cut_end(printable(picture.title), kTitleColumns, "…")) + "</b>") +
            "</td></tr>";
  }
  for (const std::string& note : picture.notes) {
    rows += "<tr><td align=\"left\">" +
            font("9", kQuiet, shown(cut_end(printable(note), kTitleColumns + 30, "…"))) + "</td></tr>";
  }
  const std::string cells = legend(picture);
  if (!cells.empty()) {
    rows +=
        "<tr><td align=\"left\"><table border=\"0\" cellborder=\"0\" cellspacing=\"3\" "
        "cellpadding=\"1\"><tr>" +
        cells + "</tr></table></td></tr>";
  }
  if (rows.empty()) return "";
  return html("<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"2\">" + rows +
              "</table>");
}

}  // namespace

Graph default_style(const Picture& picture) {
  Graph graph = new_graph();
  Agraph_s* g = graph.get();
  for (const Attribute& attribute : {Attribute{"rankdir", "LR"},
                                     {"nodesep", "0.16"},
                                     {"ranksep", "0.45"},
                                     {"bgcolor", "white"},
                                     {"fontname", "Helvetica,Arial,sans-serif"},
                                     {"labelloc", "t"},
                                     {"labeljust", "l"},
                                     {"pad", "0.2"}}) {
    graph_attribute(g, attribute);
  }
  for (const Attribute& attribute : {Attribute{"fontname", "Helvetica,Arial,sans-serif"},
                                     {"fontsize", "10"},
                                     {"fontcolor", kText},
                                     {"margin", "0.11,0.05"},
                                     {"height", "0.3"},
                                     {"width", "0.5"},
                                     {"label", "\\N"}}) {
    node_default(g, attribute);
  }
  for (const Attribute& attribute : {Attribute{"fontname", "Helvetica,Arial,sans-serif"},
                                     {"fontsize", "9"},
                                     {"fontcolor", "#33414f"},
                                     {"color", "#5b6875"},
                                     {"arrowsize", "0.6"},
                                     {"label", ""}}) {
    edge_default(g, attribute);
  }
  if (const std::string label = heading(picture); !label.empty()) graph_attribute(g, {"label", label});

  if (picture.nodes.size() > kRoughLayout) {
    for (const Attribute& attribute :
         {Attribute{"nslimit", "1"}, {"nslimit1", "1"}, {"mclimit", "0.5"}, {"splines", "line"}}) {
      graph_attribute(g, attribute);
    }
  }

  std::vector<Agnode_s*> nodes;
  nodes.reserve(picture.nodes.size());
  for (std::size_t i = 0; i < picture.nodes.size(); ++i) {
    nodes.push_back(add_node(g, node_name(picture, i), node_attributes(picture.nodes[i])));
  }
  for (const Arrow& arrow : arrows(picture)) {
    add_edge(g, nodes.at(arrow.from), nodes.at(arrow.to), edge_attributes(arrow));
  }
  const bool referrers = picture.direction == Picture::Direction::kReferrers;
  for (std::size_t i = 0; i < picture.nodes.size(); ++i) {
    const std::uint64_t more = picture.nodes[i].more;
    if (more == 0) continue;
    Agnode_s* node = add_node(g, "more_" + node_name(picture, i),
                              {{"label", grouped(more) + (referrers ? " more referrer" : " more referent") +
                                             (more == 1 ? "" : "s")},
                               {"class", "more"},
                               {"shape", "plaintext"},
                               {"fontsize", "8"},
                               {"fontcolor", "#6b7782"},
                               {"margin", "0.03,0.02"},
                               {"height", "0.15"}});
    add_edge(g, referrers ? node : nodes[i], referrers ? nodes[i] : node,
             {{"color", "#a9b4be"}, {"penwidth", "0.7"}, {"arrowsize", "0.4"}});
  }
  return graph;
}

}  // namespace heapglass
