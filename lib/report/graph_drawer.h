// From a part of the graph to a Picture: what each object's box and each arrow says, in our own style or in
// objgraph's. backrefs, refs, path and show all draw with it.
//
//   GraphDrawer maker(heap, {.style = PictureStyle::kDefault});
//   Picture picture = maker.draw(around, "Who holds it", 3);     // all at once, or piece by piece:
//   picture.nodes.push_back(maker.node(id, depth, more));
//   maker.add_edges(picture, from, to);                          // by index of picture.nodes
//   maker.add_roots(picture);
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/graph/neighbourhood.h"
#include "lib/heap/heap.h"
#include "lib/heap/labels.h"
#include "lib/heap/object_view.h"
#include "lib/render/formats.h"

namespace heapglass {

enum class ExtraInfo { kSize, kRetained, kRefcount, kId, kLength, kSite };
// "size,id" -> the two. Throws Error kUsage.
std::vector<ExtraInfo> parse_extra_info(const std::string& text);

struct DrawOptions {
  PictureStyle style = PictureStyle::kDefault;
  bool refcounts = false;
  bool long_names = true;
  std::vector<ExtraInfo> extra_info;
  std::function<bool(NodeId)> highlight;
  std::function<std::string(NodeId)> site;  // where it was allocated; empty: not known
};

// In which order referrers are drawn, as NeighbourhoodOptions::rank: the globals of a module are held by each
// of its functions, of which that says nothing, and the module says it. Borrows the labels.
std::function<int(NodeId held, NodeId holder)> rank_by_module(const Labels& labels);

class GraphDrawer {
 public:
  // Borrows the heap.
  GraphDrawer(const Heap& heap, DrawOptions looks)
      : s_(heap), labels_(heap.labels()), objects_(heap.view()), looks_(std::move(looks)) {}

  // Nodes and edges; in our own style with the roots where `holders` were followed.
  Picture draw(const Neighbourhood& around, const std::string& title, bool holders, int max_depth);

  // The box of an object `depth` references from the nearest start, `more` neighbours of which are not drawn.
  PictureNode node(NodeId id, int depth, std::uint64_t more = 0) const;
  // An arrow for each name that the one object has for the other: indexes of picture.nodes, which must be
  // objects.
  void add_edges(Picture& picture, std::uint32_t from, std::uint32_t to);
  // What holds objects of the picture without being one: frames, interpreters, C code.
  void add_roots(Picture& picture) const;

 private:
  std::vector<std::string> figures(NodeId id) const;
  std::string refcount(Address a) const;
  bool is_immortal(Address a) const;
  // Counted references to the object that are nobody's who is known.
  std::uint64_t unaccounted(NodeId id) const;

  const Heap& s_;
  Labels& labels_;
  const ObjectView& objects_;
  const DrawOptions looks_;
};

}  // namespace heapglass
