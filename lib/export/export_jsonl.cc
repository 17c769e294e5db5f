// One JSON object a line: a header, then every object with its references.
#include <charconv>

#include "lib/export/exporter.h"
#include "lib/heap/external_bytes.h"
#include "lib/python/collector_lists.h"
#include "lib/render/json.h"
#include "lib/render/output.h"

namespace heapglass {
namespace {

void append_number(std::string& out, std::uint64_t n) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  out.append(digits, end);
}

std::string header(const Heap& s) {
  std::string text = R"({"kind":"header","tool":"heapglass","pid":)";
  append_number(text, static_cast<std::uint64_t>(s.target().pid()));
  text += ",\"python\":" + json_string(s.python().version);
  text += std::string(",\"build\":\"") + (s.python().py_debug ? "debug" : "release") + "\"";
  text += ",\"layout_source\":" + json_string(s.python().layout_source);
  text += ",\"freeze\":" + json_string(s.capture().freeze);
  text += ",\"pause_ms\":" + json_value(s.capture().pause_ms) + ",\"notes\":[";
  Document document;
  for (const Caveat& caveat : s.caveats()) document.add(caveat);
  for (const std::string& note : document.notes) text += (text.back() == '[' ? "" : ",") + json_string(note);
  text += "],\"caveats\":" + json_caveats(document.caveats) + "}\n";
  return text;
}

void write_jsonl(const Heap& s, std::ostream& out) {
  const HeapGraph& graph = s.graph();
  const Objects& objects = s.objects();
  std::string text = header(s);
  std::vector<std::string> type_names;
  type_names.reserve(graph.types.size());
  for (const GraphType& t : graph.types) type_names.push_back(json_string(t.name));
  // Ids in a look-up of their own: an address per reference by select would be slow.
  std::vector<std::uint64_t> address(graph.nodes());
  std::uint32_t next = 0;
  graph.index->each_in_blocks(0, graph.index->blocks(), [&](Address a) { address[next++] = value(a); });
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
    const Address a{address[n]};
    const TypeInfo& type = *graph.types[graph.type[n]].info;
    text += R"({"kind":"object","id":)";
    append_number(text, address[n]);
    text += ",\"type\":" + type_names[graph.type[n]] + ",\"size\":";
    append_number(text, graph.size[n]);
    if (const std::uint64_t external = buffers_of(graph, objects, NodeId{n}, a).all) {
      text += ",\"external\":";
      append_number(text, external);
    }
    text += ",\"refcount\":";
    append_number(text, objects.refcount(a));
    text += is_tracked(objects, a, type) ? ",\"gc\":true" : ",\"gc\":false";
    text += ",\"refs\":[";
    // The words of a struct that has no tp_traverse at all tell other references than that would.
    const bool by_word = type.resolution == Resolution::kExact;
    std::string guessed;
    bool first = true;
    for (std::uint64_t e = graph.first_edge[n]; e < graph.first_edge[n + std::size_t{1}]; ++e) {
      if (graph.edge_class[e] == EdgeClass::kGuess) {
        guessed += guessed.empty() ? "" : ",";
        append_number(guessed, address[index(graph.referent[e])]);
      }
      if (graph.edge_class[e] != EdgeClass::kVisited) continue;
      if (!first) text += ',';
      first = false;
      append_number(text, address[index(graph.referent[e])]);
    }
    text += "]";
    if (!guessed.empty()) text += (by_word ? ",\"word_refs\":[" : ",\"guessed_refs\":[") + guessed + "]";
    text += "}\n";
    if (text.size() > 1 << 20) {
      out.write(text.data(), static_cast<std::streamsize>(text.size()));
      text.clear();
    }
  }
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

class JsonlExporter final : public Exporter {
 public:
  explicit JsonlExporter(const OutputOptions& options) : options_(options) {}
  void write(const Heap& heap) override {
    Output output(options_.output, options_.mode);
    write_jsonl(heap, output.stream());
    output.commit();
  }

 private:
  const OutputOptions& options_;
};

}  // namespace

std::unique_ptr<Exporter> jsonl_exporter(const ExportRequest& request) {
  return std::make_unique<JsonlExporter>(request.output);
}

}  // namespace heapglass
