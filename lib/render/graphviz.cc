#include "lib/render/graphviz.h"

#include <cgraph.h>

#include <algorithm>

#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr char kHtml = '\x01';  // escaped() never lets a control character through

int append(void* to, const char* text) {
  *static_cast<std::string*>(to) += text;
  return 0;
}
int nothing_to_flush(void*) { return 0; }

// agset takes char*, but copies what it is given.
char* mutable_text(const std::string& text) { return const_cast<char*>(text.c_str()); }

void set(void* object, Agsym_t* symbol, const std::string& value) {
  if (value.empty() || value[0] != kHtml) {
    agxset(object, symbol, mutable_text(value));
    return;
  }
  // A string marked HTML in the graph's string table stays so for who asks for the same text.
  char* markup = agstrdup_html(agraphof(object), const_cast<char*>(value.c_str() + 1));
  agxset(object, symbol, markup);
  agstrfree(agraphof(object), markup);
}

void set_all(Agraph_s* graph, int kind, void* object, const Attributes& attributes) {
  for (const Attribute& attribute : attributes) {
    char* name = const_cast<char*>(attribute.name);
    Agsym_t* symbol = agattr(graph, kind, name, nullptr);
    if (!symbol) symbol = agattr(graph, kind, name, const_cast<char*>(""));
    set(object, symbol, attribute.value);
  }
}

}  // namespace

void CloseGraph::operator()(Agraph_s* graph) const { agclose(graph); }

Graph new_graph() {
  static Agiodisc_t text = {AgIoDisc.afread, append, nothing_to_flush};
  static Agdisc_t discipline = {&AgMemDisc, &AgIdDisc, &text};
  char name[] = "ObjectGraph";
  Graph graph(agopen(name, Agdirected, &discipline));
  graph_attribute(graph.get(), {"linelength", "0"});  // else agwrite breaks long labels over lines
  return graph;
}

void graph_attribute(Agraph_s* graph, const Attribute& attribute) {
  char* name = const_cast<char*>(attribute.name);
  if (!agattr(graph, AGRAPH, name, nullptr)) agattr(graph, AGRAPH, name, const_cast<char*>(""));
  set(graph, agattr(graph, AGRAPH, name, nullptr), attribute.value);
}

void node_default(Agraph_s* graph, const Attribute& attribute) {
  agattr(graph, AGNODE, const_cast<char*>(attribute.name), mutable_text(attribute.value));
}

void edge_default(Agraph_s* graph, const Attribute& attribute) {
  agattr(graph, AGEDGE, const_cast<char*>(attribute.name), mutable_text(attribute.value));
}

Agnode_s* add_node(Agraph_s* graph, const std::string& name, const Attributes& attributes) {
  Agnode_s* node = agnode(graph, mutable_text(name), 1);
  set_all(graph, AGNODE, node, attributes);
  return node;
}

Agedge_s* add_edge(Agraph_s* graph, Agnode_s* from, Agnode_s* to, const Attributes& attributes) {
  Agedge_s* edge = agedge(graph, from, to, nullptr, 1);
  set_all(graph, AGEDGE, edge, attributes);
  return edge;
}

std::string write_graph(Agraph_s* graph) {
  std::string text;
  agwrite(graph, &text);
  return text;
}

std::string escaped(std::string_view text) {
  std::string label;
  label.reserve(text.size());
  while (!text.empty()) {
    // A line break has an escape in labels.
    const std::size_t line = std::min(text.find('\n'), text.size());
    for (const char c : printable(text.substr(0, line))) {
      if (c == '\\') label += '\\';
      label += c;
    }
    if (line < text.size()) label += "\\n";
    text.remove_prefix(std::min(line + 1, text.size()));
  }
  return label;
}

std::string html_escaped(std::string_view text) {
  std::string markup;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        markup += "&amp;";
        break;
      case '<':
        markup += "&lt;";
        break;
      case '>':
        markup += "&gt;";
        break;
      case '"':
        markup += "&quot;";
        break;
      default:
        markup += c;
    }
  }
  return markup;
}

std::string html(std::string_view markup) { return kHtml + std::string(markup); }

std::string node_name(const Picture& picture, std::size_t node) {
  const Address address = picture.nodes[node].address;
  return is_null(address) ? "root" + std::to_string(node) : "o" + std::to_string(value(address));
}

Graph build_graph(const Picture& picture, PictureStyle style) {
  return style == PictureStyle::kObjgraph ? objgraph_style(picture) : default_style(picture);
}

}  // namespace heapglass
