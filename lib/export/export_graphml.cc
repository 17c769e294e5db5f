// The heap as GraphML, for Gephi, yEd and networkx: every object a node, every reference an edge. Written as
// it is read, so that it takes no memory of its own.
#include "lib/export/exporter.h"
#include "lib/export/reference_names.h"
#include "lib/graph/edge_class_name.h"
#include "lib/python/describe.h"
#include "lib/render/output.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

// As XML has texts. What it cannot hold at all, and what hides, is spelled out.
std::string escaped_xml(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr char kHead[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
<key id="label" for="node" attr.name="label" attr.type="string"/>
<key id="type" for="node" attr.name="type" attr.type="string"/>
<key id="size" for="node" attr.name="size" attr.type="long"/>
<key id="address" for="node" attr.name="address" attr.type="string"/>
<key id="root" for="node" attr.name="root" attr.type="string"/>
<key id="name" for="edge" attr.name="label" attr.type="string"/>
<key id="class" for="edge" attr.name="class" attr.type="string"/>
)";

class GraphmlWriter {
 public:
  GraphmlWriter(const Heap& heap, std::ostream& out) : heap_(heap), graph_(heap.graph()), out_(out) {}

  void write() {
    out_ << kHead << "<graph id=\"heap\" edgedefault=\"directed\">\n<desc>"
         << escaped_xml(heap_.target().name() + ", CPython " + heap_.python().version) << "</desc>\n";
    write_nodes();
    write_edges();
    out_ << "</graph>\n</graphml>\n";
  }

 private:
  void data(const char* key, std::string_view text) {
    out_ << "<data key=\"" << key << "\">" << escaped_xml(text) << "</data>";
  }
  void write_nodes() {
    std::unordered_map<std::uint32_t, const GraphRoot*> roots;
    for (const GraphRoot& root : graph_.roots) roots.try_emplace(index(root.node), &root);
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n) {
      const GraphType& type = heap_.type_of(NodeId{n});
      out_ << "<node id=\"n" << n << "\">";
      data("label", short_repr(heap_.types(), heap_.address(NodeId{n}), *type.info));
      data("type", type.name);
      out_ << "<data key=\"size\">" << graph_.all_bytes(n) << "</data>";
      data("address", to_hex(heap_.address(NodeId{n})));
      if (const auto root = roots.find(n); root != roots.end()) data("root", root->second->holder);
      out_ << "</node>\n";
    }
  }
  void write_edges() {
    ReferenceNames names(heap_.labels());
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n)
      for (std::uint64_t e = graph_.first_edge[n]; e < graph_.first_edge[n + std::size_t{1}]; ++e) {
        out_ << "<edge source=\"n" << n << "\" target=\"n" << index(graph_.referent[e]) << "\">";
        if (const std::string name = names.name(NodeId{n}, e); !name.empty()) data("name", name);
        out_ << "<data key=\"class\">" << name_of(graph_.edge_class[e]) << "</data></edge>\n";
      }
  }

  const Heap& heap_;
  const HeapGraph& graph_;
  std::ostream& out_;
};

class GraphmlExporter final : public Exporter {
 public:
  explicit GraphmlExporter(const OutputOptions& options) : options_(options) {}
  void write(const Heap& heap) override {
    Output output(options_.output, options_.mode);
    GraphmlWriter(heap, output.stream()).write();
    output.commit();
  }

 private:
  const OutputOptions& options_;
};

}  // namespace

std::unique_ptr<Exporter> graphml_exporter(const ExportRequest& request) {
  return std::make_unique<GraphmlExporter>(request.output);
}

}  // namespace heapglass
