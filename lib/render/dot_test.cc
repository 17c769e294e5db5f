#include "lib/render/dot.h"

#include <cgraph.h>
#include <gtest/gtest.h>

#include <map>

#include "lib/render/graphviz.h"
#include "lib/render/samples.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

std::string complaints;
int complain(char* fragment) {
  complaints += fragment;
  return 0;
}

Graph parsed(const std::string& dot) {
  complaints.clear();
  agseterrf(complain);
  Graph graph(agmemread(dot.c_str()));
  agseterrf(nullptr);
  EXPECT_TRUE(graph) << dot;
  EXPECT_EQ(complaints, "");
  return graph;
}

std::string attribute(void* object, const char* name) {
  const char* value = agget(object, const_cast<char*>(name));
  return value ? value : "";
}

Agnode_t* node(Agraph_t* graph, const std::string& name) {
  return agnode(graph, const_cast<char*>(name.c_str()), 0);
}

// What a plain label shows.
std::string unescaped(const std::string& label) {
  std::string text;
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (label[i] != '\\' || i + 1 == label.size()) {
      text += label[i];
    } else {
      text += label[++i] == 'n' ? '\n' : label[i];
    }
  }
  return text;
}

// What an HTML label shows, a line break for each <br/>.
std::string shown(const std::string& markup) {
  static const std::map<std::string, std::string> kEntities = {
      {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}};
  std::string text;
  for (std::size_t i = 0; i < markup.size(); ++i) {
    if (markup[i] == '<') {
      if (markup.compare(i, 5, "<br/>") == 0) text += '\n';
      i = markup.find('>', i);
    } else if (markup[i] == '&') {
      const std::size_t end = markup.find(';', i);
      text += kEntities.at(markup.substr(i, end + 1 - i));
      i = end;
    } else {
      text += markup[i];
    }
  }
  return text;
}

// Controls have no place in a label, but for the break of a line.
std::string expected_plain(const std::string& text) {
  const std::size_t line = text.find('\n');
  if (line == std::string::npos) return printable(text);
  return printable(text.substr(0, line)) + "\n" + expected_plain(text.substr(line + 1));
}

TEST(Dot, LabelsComeBackInObjgraphStyle) {
  const Picture picture = star(kNasty);
  const Graph graph = parsed(to_dot(picture, PictureStyle::kObjgraph));
  Agnode_t* start = node(graph.get(), "o1000");
  ASSERT_TRUE(start);
  EXPECT_EQ(agnnodes(graph.get()), static_cast<int>(picture.nodes.size()));
  for (std::size_t i = 1; i < picture.nodes.size(); ++i) {
    Agnode_t* holder = node(graph.get(), node_name(picture, i));
    ASSERT_TRUE(holder);
    const std::string text = expected_plain(kNasty[i - 1]);
    EXPECT_EQ(unescaped(attribute(holder, "label")), text + "\n" + text + "\n" + text);
    Agedge_t* edge = agedge(graph.get(), holder, start, nullptr, 0);
    ASSERT_TRUE(edge);
    EXPECT_EQ(unescaped(attribute(edge, "label")), text);
    EXPECT_FALSE(aghtmlstr(agget(holder, const_cast<char*>("label")))) << text;
    EXPECT_FALSE(aghtmlstr(agget(edge, const_cast<char*>("label")))) << text;
  }
}

TEST(Dot, LabelsComeBackInDefaultStyle) {
  const Picture picture = star(kNasty);
  const Graph graph = parsed(to_dot(picture, PictureStyle::kDefault));
  for (std::size_t i = 1; i < picture.nodes.size(); ++i) {
    Agnode_t* holder = node(graph.get(), node_name(picture, i));
    ASSERT_TRUE(holder);
    const std::string label = shown(attribute(holder, "label"));
    EXPECT_EQ(label, valid_utf8(label));
    const std::string text = printable(kNasty[i - 1]);
    const std::string first = text.empty() ? " " : text;
    EXPECT_EQ(label, text.empty() ? first : first + "\n" + first + "\n" + first);
  }
}

TEST(Dot, HugeTextsAreCut) {
  const Picture picture = star(std::vector<std::string>{std::string(200'000, 'x'), std::string(200'000, '\\'),
                                                        std::string(200'000, '\xff')});
  EXPECT_LT(to_dot(picture, PictureStyle::kDefault).size(), 10'000u);
  EXPECT_LT(to_dot(picture, PictureStyle::kObjgraph).size(), 200'000u);
  parsed(to_dot(picture, PictureStyle::kDefault));
  parsed(to_dot(picture, PictureStyle::kObjgraph));
}

TEST(Dot, ParallelReferencesAreOneArrow) {
  Picture picture = star(std::vector<std::string>{"list"});
  picture.edges.clear();
  for (int i = 0; i < 10; ++i) picture.edges.push_back({1, 0, "[" + std::to_string(i) + "]"});
  const Graph ours = parsed(to_dot(picture, PictureStyle::kDefault));
  EXPECT_EQ(agnedges(ours.get()), 1);
  Agedge_t* edge = agedge(ours.get(), node(ours.get(), "o1016"), node(ours.get(), "o1000"), nullptr, 0);
  EXPECT_EQ(shown(attribute(edge, "label")), "[0]\n[1]\n[2]\n+ 7 more\n ");
  EXPECT_EQ(agnedges(parsed(to_dot(picture, PictureStyle::kObjgraph)).get()), 10);
}

TEST(Dot, EdgeKindsHaveTheirOwnStrokes) {
  Picture picture = star(std::vector<std::string>{"a", "b", "c"});
  picture.edges[1].kind = PictureEdge::Kind::kWeak;
  picture.edges[2].kind = PictureEdge::Kind::kGuess;
  const Graph graph = parsed(to_dot(picture, PictureStyle::kDefault));
  const auto style = [&](const char* from) {
    return attribute(agedge(graph.get(), node(graph.get(), from), node(graph.get(), "o1000"), nullptr, 0),
                     "style");
  };
  EXPECT_EQ(style("o1016"), "");
  EXPECT_EQ(style("o1032"), "dotted");
  EXPECT_EQ(style("o1048"), "dashed");
}

// What objgraph 3.6.2 writes for the same objects.
TEST(Dot, ObjgraphStyleHasItsColours) {
  Picture picture = star(std::vector<std::string>{"dict", "module", "list", "deep"});
  picture.max_depth = 3;
  picture.nodes[0].has_del = true;
  picture.nodes[0].more = 7;
  picture.nodes[2].kind = PictureNode::Kind::kModule;
  picture.nodes[3].highlight = true;
  picture.nodes[4].depth = 3;
  picture.edges[0].weight = 10;
  const Graph graph = parsed(to_dot(picture, PictureStyle::kObjgraph));
  const auto of = [&](const char* name, const char* what) {
    return attribute(node(graph.get(), name), what);
  };
  EXPECT_EQ(of("o1000", "fontcolor"), "red");
  EXPECT_EQ(of("o1000", "fillcolor"), "0,0,1");
  EXPECT_EQ(of("o1000", "shape"), "box");
  EXPECT_EQ(of("o1000", "style"), "filled");
  EXPECT_EQ(of("o1016", "fillcolor"), "0,0,0.766667");
  EXPECT_EQ(of("o1032", "fillcolor"), "0.3,1,0.766667");
  EXPECT_EQ(of("o1048", "fillcolor"), "0.6,0.6,0.883333");
  EXPECT_EQ(of("o1064", "fillcolor"), "0,0,0.3");
  EXPECT_EQ(of("o1064", "fontcolor"), "white");
  EXPECT_EQ(of("o1000_has_a_del", "label"), "__del__");
  EXPECT_EQ(of("o1000_has_a_del", "shape"), "doublecircle");
  EXPECT_EQ(of("too_many_o1000", "label"), "7 more backreferences");
  EXPECT_EQ(of("too_many_o1000", "fillcolor"), "0,1,0.766667");
  Agedge_t* more =
      agedge(graph.get(), node(graph.get(), "too_many_o1000"), node(graph.get(), "o1000"), nullptr, 0);
  ASSERT_TRUE(more);
  EXPECT_EQ(attribute(more, "style"), "dotted");
  EXPECT_EQ(attribute(more, "weight"), "10");
  Agedge_t* first = agedge(graph.get(), node(graph.get(), "o1016"), node(graph.get(), "o1000"), nullptr, 0);
  EXPECT_EQ(attribute(first, "weight"), "10");
}

TEST(Dot, ReferentsPointAwayFromTheStart) {
  Picture picture = star(std::vector<std::string>{"a"});
  picture.direction = Picture::Direction::kReferents;
  picture.edges = {{0, 1, "x"}};
  picture.nodes[0].more = 2;
  const Graph graph = parsed(to_dot(picture, PictureStyle::kObjgraph));
  EXPECT_EQ(attribute(node(graph.get(), "too_many_o1000"), "label"), "2 more references");
  EXPECT_TRUE(
      agedge(graph.get(), node(graph.get(), "o1000"), node(graph.get(), "too_many_o1000"), nullptr, 0));
}

TEST(Dot, RootsHaveNamesOfTheirOwn) {
  Picture picture = star(std::vector<std::string>{"thread", "thread"});
  for (std::size_t i : {1u, 2u}) {
    picture.nodes[i].kind = PictureNode::Kind::kRoot;
    picture.nodes[i].address = Address{};
  }
  EXPECT_EQ(agnnodes(parsed(to_dot(picture, PictureStyle::kDefault)).get()), 3);
}

}  // namespace
}  // namespace heapglass
