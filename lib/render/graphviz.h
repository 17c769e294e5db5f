// Picture -> Graphviz's graph in memory, in one style or the other.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/render/formats.h"

struct Agraph_s;
struct Agnode_s;
struct Agedge_s;

namespace heapglass {

struct CloseGraph {
  void operator()(Agraph_s*) const;
};
using Graph = std::unique_ptr<Agraph_s, CloseGraph>;

// An attribute's value that came from the target is made by escaped() or html_escaped().
struct Attribute {
  const char* name;
  std::string value;
};
using Attributes = std::vector<Attribute>;

Graph new_graph();
// What every graph, node or edge has unless said otherwise: declares the attribute, so call it first.
void graph_attribute(Agraph_s*, const Attribute&);
void node_default(Agraph_s*, const Attribute&);
void edge_default(Agraph_s*, const Attribute&);
Agnode_s* add_node(Agraph_s*, const std::string& name, const Attributes&);
Agedge_s* add_edge(Agraph_s*, Agnode_s* from, Agnode_s* to, const Attributes&);
std::string write_graph(Agraph_s*);

// A label in which Graphviz finds no escape, no HTML and no invalid UTF-8.
std::string escaped(std::string_view text);
std::string html_escaped(std::string_view text);
// Marks a value of node_default, add_node ... as HTML: begins with a byte that no escaped text begins with.
std::string html(std::string_view markup);

// "o139872341" for an object, "root7" for a root that is none.
std::string node_name(const Picture&, std::size_t node);

Graph default_style(const Picture&);
Graph objgraph_style(const Picture&);
Graph build_graph(const Picture&, PictureStyle);

}  // namespace heapglass
