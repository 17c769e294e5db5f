// Thresholds are expressions whose operands are measures of a moment: what makes one true is its reason.

#include <algorithm>
#include <cmath>

#include "lib/expression/expression_node.h"

namespace heapglass {
namespace {

using Node = Expression::Node;
using Op = Node::Op;

std::string in_three_digits(double number) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", number >= 100 ? 0 : number >= 10 ? 1 : 2, number);
  return text;
}

std::string with_sign(double number, std::string (*magnitude)(double)) {
  return (number < 0 ? "-" : "") + magnitude(std::fabs(number));
}

std::string bytes_text(double bytes) {
  if (bytes < 1000) return std::to_string(static_cast<long long>(bytes)) + " B";
  const char* const units[] = {"kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (bytes /= 1000; bytes >= 999.5 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  return in_three_digits(bytes) + " " + units[unit];
}
std::string number_text(double number) {
  return number == std::floor(number) ? std::to_string(static_cast<long long>(number))
                                      : in_three_digits(number);
}
std::string percent_text(double ratio) { return in_three_digits(100 * ratio) + " %"; }

bool is_bytes(const ExpressionMeasure& measure) {
  for (const ExpressionMeasureName& m : expression_measures())
    if (m.name == measure.name) return m.is_bytes;
  return false;
}

std::string name_of(const ExpressionMeasure& m) {
  const std::string text = m.name + (m.argument.empty() ? "" : "(" + m.argument + ")");
  return m.growth ? "growth(" + text + ")" : text;
}

class Judge {
 public:
  Judge(const std::vector<Node>& nodes, const ExpressionSample& sample) : nodes_(nodes), sample_(sample) {}

  // As deep as the parser has let it nest. Into `reasons` what makes it true.
  bool truth(std::uint32_t i, std::vector<std::string>& reasons) const {
    const Node& node = nodes_[i];
    if (node.kind == Node::Kind::kNot) {
      std::vector<std::string> unused;
      if (!known(node.children[0]) || truth(node.children[0], unused)) return false;
      reasons.push_back("it is not so that " + text_of(node.children[0]));
      return true;
    }
    if (node.kind == Node::Kind::kOr) {
      bool any = false;
      for (const std::uint32_t child : node.children) any |= truth(child, reasons);
      return any;
    }
    if (node.kind == Node::Kind::kAnd) {
      std::vector<std::string> all;
      for (const std::uint32_t child : node.children)
        if (!truth(child, all)) return false;
      reasons.insert(reasons.end(), all.begin(), all.end());
      return true;
    }
    return compare(node, reasons);
  }

 private:
  bool known(std::uint32_t i) const {
    const Node& node = nodes_[i];
    if (node.kind == Node::Kind::kMeasure) return sample_.measure(node.measure).has_value();
    return std::all_of(node.children.begin(), node.children.end(), [&](std::uint32_t c) { return known(c); });
  }

  static constexpr std::string_view kOps[] = {"==", "!=", "<", "<=", ">", ">="};

  std::optional<double> value(const Node& node) const {
    if (node.kind == Node::Kind::kMeasure) return sample_.measure(node.measure);
    if (const auto* n = std::get_if<std::int64_t>(&node.literal)) return static_cast<double>(*n);
    return std::get<double>(node.literal);
  }

  bool compare(const Node& node, std::vector<std::string>& reasons) const {
    std::vector<double> values;
    for (const std::uint32_t child : node.children) {
      const auto v = value(nodes_[child]);
      if (!v) return false;
      values.push_back(*v);
    }
    for (std::size_t i = 0; i < node.ops.size(); ++i) {
      const double a = values[i], b = values[i + 1];
      const bool holds = node.ops[i] == Op::kLess        ? a < b
                         : node.ops[i] == Op::kLessEqual ? a <= b
                         : node.ops[i] == Op::kGreater   ? a > b
                                                         : a >= b;
      if (!holds) return false;
    }
    reasons.push_back(told(node, values));
    return true;
  }

  std::string told(const Node& node, const std::vector<double>& values) const {
    bool bytes = false;
    for (const std::uint32_t child : node.children)
      bytes |= nodes_[child].kind == Node::Kind::kMeasure && is_bytes(nodes_[child].measure);
    auto value_text = [&](std::size_t i) {
      const Node& n = nodes_[node.children[i]];
      return with_sign(values[i], n.percent || n.measure.relative ? percent_text
                                  : bytes                         ? bytes_text
                                                                  : number_text);
    };
    auto operand = [&](std::size_t i) {
      const Node& n = nodes_[node.children[i]];
      return n.kind == Node::Kind::kMeasure ? name_of(n.measure) + " (" + value_text(i) + ")" : value_text(i);
    };
    std::string text = operand(0);
    for (std::size_t i = 0; i < node.ops.size(); ++i)
      text += " " + std::string(kOps[static_cast<std::size_t>(node.ops[i])]) + " " + operand(i + 1);
    return text;
  }

  std::string text_of(std::uint32_t i) const {
    const Node& node = nodes_[i];
    if (node.kind != Node::Kind::kCompare) return "all of that";
    std::vector<double> values;
    for (const std::uint32_t child : node.children) {
      const auto v = value(nodes_[child]);
      if (!v) return "what nobody knows";
      values.push_back(*v);
    }
    return told(node, values);
  }

  const std::vector<Node>& nodes_;
  const ExpressionSample& sample_;
};

}  // namespace

std::vector<std::string> Expression::exceeded(const ExpressionSample& sample) const {
  std::vector<std::string> reasons;
  if (!Judge(nodes_, sample).truth(static_cast<std::uint32_t>(nodes_.size() - 1), reasons)) reasons.clear();
  return reasons;
}

std::vector<ExpressionMeasure> Expression::measures() const {
  std::vector<ExpressionMeasure> out;
  for (const Node& node : nodes_)
    if (node.kind == Node::Kind::kMeasure) out.push_back(node.measure);
  return out;
}

}  // namespace heapglass
