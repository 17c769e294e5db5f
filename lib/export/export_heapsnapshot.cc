// The heap as V8 writes its own, for the memory panel of Chrome's DevTools (*.heapsnapshot): numbers that say
// nodes and edges, and the texts that they name. DevTools computes retained sizes by itself; they are ours,
// because what it takes for keeping alive is made the same: see write_edges().
#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/export/exporter.h"
#include "lib/export/reference_names.h"
#include "lib/python/describe.h"
#include "lib/render/json.h"
#include "lib/render/output.h"

namespace heapglass {
namespace {

// Places in node_types and edge_types of kMeta.
enum NodeType : std::uint32_t { kObject = 3, kString = 2, kSynthetic = 9 };
enum EdgeType : std::uint32_t { kElement = 1, kProperty = 2, kInternal = 3, kWeakEdge = 6 };

constexpr char kMeta[] =
    R"("meta":{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],)"
    R"("node_types":[["hidden","array","string","object","code","closure","regexp","number","native",)"
    R"("synthetic","concatenated string","sliced string","symbol","bigint","object shape"],"string","number",)"
    R"("number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":)"
    R"([["context","element","property","internal","hidden","shortcut","weak"],"string_or_number","node"],)"
    R"("trace_function_info_fields":["function_id","name","script_name","script_id","line","column"],)"
    R"("trace_node_fields":["id","function_info_index","count","size","children"],"sample_fields":)"
    R"(["timestamp_us","last_assigned_id"],"location_fields":["object_index","script_id","line","column"]})";
constexpr std::uint64_t kNodeFields = 7;

// Numbers and texts by the megabyte.
class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {}
  void text(std::string_view text) {
    text_ += text;
    if (text_.size() > 1 << 20) flush();
  }
  void row(std::initializer_list<std::uint64_t> numbers) {
    for (const std::uint64_t number : numbers) {
      if (!first_) text_ += ',';
      first_ = false;
      char digits[20];
      text_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    }
    text_ += '\n';
    if (text_.size() > 1 << 20) flush();
  }
  void begin(std::string_view head) {
    first_ = true;
    text(head);
  }
  void flush() {
    out_.write(text_.data(), static_cast<std::streamsize>(text_.size()));
    text_.clear();
  }

 private:
  std::ostream& out_;
  std::string text_;
  bool first_ = true;
};

// Each text once. There may be as many as objects, so that from a size on new ones are left out.
class Texts {
 public:
  std::uint64_t add(std::string text) {
    const auto at = number_of_.find(text);
    if (at != number_of_.end()) return at->second;
    constexpr std::size_t kMostBytes = 256 << 20;
    if (bytes_ > kMostBytes) {
      ++left_out_;
      return add_always("(name left out)");
    }
    return add_always(std::move(text));
  }
  std::uint64_t left_out() const { return left_out_; }
  void write(Writer& out) const {
    bool first = true;
    for (const std::string* text : in_order_) {
      out.text((first ? "" : ",\n") + json_string(*text));
      first = false;
    }
  }

 private:
  std::uint64_t add_always(std::string text) {
    const auto [at, is_new] = number_of_.try_emplace(std::move(text), in_order_.size());
    if (is_new) {
      constexpr std::size_t kOverhead = 100;
      in_order_.push_back(&at->first);
      bytes_ += at->first.size() + kOverhead;
    }
    return at->second;
  }
  std::unordered_map<std::string, std::uint64_t> number_of_;
  std::vector<const std::string*> in_order_;
  std::size_t bytes_ = 0;
  std::uint64_t left_out_ = 0;
};

// What stands above the objects: the root, what keeps objects alive from outside, and garbage.
enum Above : std::uint32_t {
  kRoot,
  kGcRoots,
  kInterpreters,
  kThreads,
  kFrames,
  kStaticTypes,
  kCCode,
  kGarbage,
  kAbove
};
constexpr std::string_view kAboveNames[kAbove] = {"",
                                                  "(GC roots)",
                                                  "(interpreters)",
                                                  "(threads)",
                                                  "(frames)",
                                                  "(static types)",
                                                  "(C code and immortal objects)",
                                                  "(garbage)"};

Above above_of(RootKind kind) {
  switch (kind) {
    case RootKind::kInterpreter:
      return kInterpreters;
    case RootKind::kThreadState:
      return kThreads;
    case RootKind::kFrame:
      return kFrames;
    case RootKind::kStaticType:
      break;
  }
  return kStaticTypes;
}

class HeapSnapshotWriter {
 public:
  HeapSnapshotWriter(const Heap& heap, std::ostream& out)
      : heap_(heap), graph_(heap.graph()), out_(out), names_(heap.labels()) {}

  void write() {
    find_roots();
    std::uint64_t edges = graph_.referent.size();
    for (const auto& each : below_) edges += each.size();
    out_.text(std::string("{\"snapshot\":{") + kMeta + ",\"node_count\":");
    out_.row({graph_.nodes() + std::uint64_t{kAbove}});
    out_.begin(",\"edge_count\":");
    out_.row({edges});
    out_.begin(",\"trace_function_count\":0},\n\"nodes\":[");
    write_nodes();
    out_.begin("],\n\"edges\":[");
    write_edges();
    out_.begin(
        "],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[],"
        "\n\"strings\":[");
    texts_.write(out_);
    out_.text("]}\n");
    out_.flush();
  }

 private:
  struct Below {
    std::uint64_t place;  // among the nodes
    std::uint64_t name;
  };
  static std::uint64_t place(NodeId n) { return kAbove + std::uint64_t{index(n)}; }

  // Each object that something outside of the graph keeps alive hangs from what does so, once; garbage from
  // the first object of each group, as Dominators has it.
  void find_roots() {
    const std::vector<bool>& held = heap_.external_roots().held;
    for (std::uint32_t i = kGcRoots; i < kAbove; ++i)
      below_[i == kGcRoots || i == kGarbage ? kRoot : kGcRoots].push_back(
          {i, texts_.add(std::string(kAboveNames[i]))});
    reached_.assign(graph_.nodes(), false);
    std::vector<bool> named(graph_.nodes());
    for (const GraphRoot& root : graph_.roots) {
      if (!held[index(root.node)] || named[index(root.node)]) continue;
      named[index(root.node)] = true;
      below_[above_of(root.kind)].push_back({place(root.node), texts_.add(root.holder)});
    }
    const std::uint64_t unnamed = texts_.add("(not known)");
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n) {
      if (!held[n]) continue;
      if (!named[n]) below_[kCCode].push_back({place(NodeId{n}), unnamed});
      reach(NodeId{n}, reached_);
    }
    std::vector<bool> met = reached_;
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n) {
      if (met[n]) continue;
      below_[kGarbage].push_back({place(NodeId{n}), unnamed});
      reach(NodeId{n}, met);
    }
  }
  void reach(NodeId from, std::vector<bool>& met) {
    if (met[index(from)]) return;
    met[index(from)] = true;
    open_.push_back(from);
    while (!open_.empty()) {
      const NodeId n = open_.back();
      open_.pop_back();
      for (std::uint64_t e = graph_.first_edge[index(n)]; e < graph_.first_edge[index(n) + 1]; ++e) {
        const NodeId to = graph_.referent[e];
        if (graph_.edge_class[e] == EdgeClass::kWeak || met[index(to)]) continue;
        met[index(to)] = true;
        open_.push_back(to);
      }
    }
  }

  void write_nodes() {
    // Odd numbers are V8's own objects.
    for (std::uint32_t i = 0; i < kAbove; ++i)
      out_.row({kSynthetic, texts_.add(std::string(kAboveNames[i])), 2 * i + 1, 0, below_[i].size(), 0, 0});
    std::vector<std::uint64_t> type_name;
    std::vector<bool> is_str;
    for (const GraphType& type : graph_.types) {
      type_name.push_back(texts_.add(type.name));
      is_str.push_back(type.info && type.info->flags & kTpUnicodeSubclass);
    }
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n) {
      const std::uint32_t type = graph_.type[n];
      const std::uint64_t edges = graph_.first_edge[n + std::size_t{1}] - graph_.first_edge[n];
      // DevTools has 32 bits for it.
      const std::uint64_t size = std::min<std::uint64_t>(graph_.all_bytes(n), ~std::uint32_t{0});
      out_.row({is_str[type] ? kString : kObject,
                is_str[type] ? texts_.add(text_of(NodeId{n})) : type_name[type], 2 * place(NodeId{n}) + 1,
                size, edges, 0, 0});
    }
  }

  std::string text_of(NodeId n) {
    return short_repr(heap_.types(), heap_.address(n), *heap_.type_of(n).info);
  }

  // What DevTools calls weak keeps nothing alive. Besides weak references that is what garbage has of
  // objects that are no garbage: it goes without them.
  void write_edges() {
    for (std::uint32_t i = 0; i < kAbove; ++i)
      for (const Below& each : below_[i]) out_.row({kInternal, each.name, each.place * kNodeFields});
    const std::uint64_t unnamed = texts_.add("(unnamed)"), guess = texts_.add("(guess)");
    for (std::uint32_t n = 0; n < graph_.nodes(); ++n)
      for (std::uint64_t e = graph_.first_edge[n]; e < graph_.first_edge[n + std::size_t{1}]; ++e) {
        const NodeId to = graph_.referent[e];
        std::string name = names_.name(NodeId{n}, e);
        const bool weak = graph_.edge_class[e] == EdgeClass::kWeak || (!reached_[n] && reached_[index(to)]);
        const EdgeType type = weak ? kWeakEdge : name.empty() ? kInternal : kProperty;
        const std::uint64_t called = !name.empty()                               ? texts_.add(std::move(name))
                                     : graph_.edge_class[e] == EdgeClass::kGuess ? guess
                                                                                 : unnamed;
        out_.row({type, called, place(to) * kNodeFields});
      }
  }

  const Heap& heap_;
  const HeapGraph& graph_;
  Writer out_;
  Texts texts_;
  ReferenceNames names_;
  std::vector<Below> below_[kAbove];
  std::vector<bool> reached_;  // by node: it is no garbage
  std::vector<NodeId> open_;
};

class HeapSnapshotExporter final : public Exporter {
 public:
  explicit HeapSnapshotExporter(const OutputOptions& options) : options_(options) {}
  void write(const Heap& heap) override {
    Output output(options_.output, options_.mode);
    HeapSnapshotWriter(heap, output.stream()).write();
    output.commit();
  }

 private:
  const OutputOptions& options_;
};

}  // namespace

std::unique_ptr<Exporter> heapsnapshot_exporter(const ExportRequest& request) {
  return std::make_unique<HeapSnapshotExporter>(request.output);
}

}  // namespace heapglass
