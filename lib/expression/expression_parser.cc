// Text -> tree, by recursive descent no deeper than kMostNested: a wrong place is an Error that shows it.

#include <algorithm>

#include "lib/base/edit_distance.h"
#include "lib/expression/expression_node.h"
#include "lib/expression/expression_words.h"

namespace heapglass {
namespace {

using Node = Expression::Node;
using Op = Node::Op;
using Token = ExpressionToken;
using Of = ExpressionFieldName::Of;

constexpr std::size_t kLongest = 1 << 16;  // bytes of an expression
constexpr int kMostNested = 60;            // of parentheses and nots

class Parser : private ExpressionWords {
 public:
  Parser(std::string_view text, std::string_view option, std::vector<Node>& nodes, bool threshold)
      : ExpressionWords(text, option), nodes_(nodes), threshold_(threshold) {}

  void parse() {
    if (text().size() > kLongest) fail(kLongest, "an expression has at most 65536 bytes");
    next();
    if (token().kind == Token::Kind::kEnd)
      fail(0, "an expression is expected", threshold_ ? "growth(rss) > 5%, for one" : "size > 1MB, for one");
    disjunction();
    if (token().kind != Token::Kind::kEnd)
      fail(token().at, "'and', 'or' or the end is expected, not " + shown());
  }

 private:
  // ---- the tree

  std::uint32_t add(Node node) {
    nodes_.push_back(std::move(node));
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  std::uint32_t join(Node::Kind kind, std::size_t at, std::vector<std::uint32_t> children) {
    if (children.size() == 1) return children[0];
    return add({.kind = kind, .at = at, .children = std::move(children)});
  }

  struct Nested {
    explicit Nested(Parser& parser) : depth(parser.depth_) {
      if (++depth > kMostNested) parser.fail(parser.token().at, "this is nested too deep");
    }
    ~Nested() { --depth; }
    int& depth;
  };

  std::uint32_t disjunction() {
    const Nested nested(*this);
    const std::size_t at = token().at;
    std::vector<std::uint32_t> parts{conjunction()};
    while (is_word("or") || is_sign("||")) {
      next();
      parts.push_back(conjunction());
    }
    return join(Node::Kind::kOr, at, std::move(parts));
  }

  std::uint32_t conjunction() {
    const std::size_t at = token().at;
    std::vector<std::uint32_t> parts{negation()};
    while (is_word("and") || is_sign("&&")) {
      next();
      parts.push_back(negation());
    }
    return join(Node::Kind::kAnd, at, std::move(parts));
  }

  std::uint32_t negation() {
    const std::size_t at = token().at;
    bool negated = false;
    while (is_word("not") || is_sign("!")) {
      negated = !negated;
      next();
    }
    const std::uint32_t inner = comparison();
    return negated ? add({.kind = Node::Kind::kNot, .at = at, .children = {inner}}) : inner;
  }

  std::optional<Node::Op> take_op() {
    if (token().kind == Token::Kind::kSign) {
      constexpr std::pair<std::string_view, Op> kSigns[] = {
          {"==", Op::kEqual},  {"!=", Op::kNotEqual},     {"<", Op::kLess},    {"<=", Op::kLessEqual},
          {">", Op::kGreater}, {">=", Op::kGreaterEqual}, {"~", Op::kMatches}, {"!~", Op::kNotMatches}};
      for (const auto& [sign, op] : kSigns)
        if (take_sign(sign)) return op;
      if (is_sign("=")) fail(token().at, "'=' is not a comparison", "write == for equal");
      if (is_sign("=~")) fail(token().at, "'=~' is not a comparison", "write ~ for a pattern with * and ?");
      return std::nullopt;
    }
    if (is_word("in")) {
      next();
      return Op::kIn;
    }
    if (is_word("not")) {
      next();
      if (!is_word("in")) fail(token().at, "'in' is expected after 'not', not " + shown());
      next();
      return Op::kNotIn;
    }
    return std::nullopt;
  }

  std::uint32_t comparison() {
    const std::size_t at = token().at;
    if (threshold_ && !is_sign("(")) return threshold();
    if (is_word("is")) {  // `is Type` alone speaks of the object itself
      const std::uint32_t object = add({.kind = Node::Kind::kPath, .at = at});
      return is_type(object);
    }
    if (is_sign("(")) {
      next();
      const std::uint32_t inner = disjunction();
      close(")", at);
      return inner;
    }
    std::vector<std::uint32_t> operands{operand()};
    if (is_word("is")) {
      check_alone(operands[0]);
      return is_type(operands[0]);
    }
    std::vector<Node::Op> ops;
    while (true) {
      const std::size_t op_at = token().at;
      const auto op = take_op();
      if (!op) break;
      ops.push_back(*op);
      operands.push_back(*op == Node::Op::kIn || *op == Node::Op::kNotIn ? list_or_operand() : operand());
      check(operands[operands.size() - 2], *op, operands.back(), op_at);
    }
    if (ops.empty()) {
      check_alone(operands[0]);
      return operands[0];
    }
    return add(
        {.kind = Node::Kind::kCompare, .at = at, .children = std::move(operands), .ops = std::move(ops)});
  }

  // ---- thresholds: growth(bytes(app.Session)) > 10MB

  std::uint32_t threshold() {
    const std::size_t at = token().at;
    std::vector<std::uint32_t> operands{number_or_measure()};
    std::vector<Node::Op> ops;
    bool percent = false, numbers_only = true;
    while (true) {
      const std::size_t op_at = token().at;
      const auto op = take_op();
      if (!op) break;
      if (*op != Node::Op::kLess && *op != Node::Op::kLessEqual && *op != Node::Op::kGreater &&
          *op != Node::Op::kGreaterEqual)
        fail(op_at, "a threshold is compared by <, <=, > or >=");
      ops.push_back(*op);
      operands.push_back(number_or_measure());
    }
    if (ops.empty())
      fail(token().at, "a comparison is expected, not " + shown(),
           "as in growth(rss) > 5%, objects > 1000000");
    for (const std::uint32_t i : operands) {
      percent |= nodes_[i].percent;
      numbers_only &= nodes_[i].kind == Node::Kind::kLiteral;
    }
    if (numbers_only) fail(at, "these are numbers only: there is nothing to measure");
    for (const std::uint32_t i : operands) {
      Node& node = nodes_[i];
      if (!percent) continue;
      if (node.kind == Node::Kind::kMeasure && !node.measure.growth)
        fail(node.at, "a percentage is one of growth: growth(" + node.measure.name + ")");
      if (node.kind == Node::Kind::kLiteral && !node.percent)
        fail(node.at, "a percentage is compared with percentages");
      node.measure.relative = true;
    }
    return add(
        {.kind = Node::Kind::kCompare, .at = at, .children = std::move(operands), .ops = std::move(ops)});
  }

  std::uint32_t number_or_measure() {
    const std::size_t at = token().at;
    if (token().kind == Token::Kind::kNumber) {
      Node literal{.kind = Node::Kind::kLiteral, .at = at, .literal = token().value};
      next();
      if (take_sign("%")) {
        const auto* const whole = std::get_if<std::int64_t>(&literal.literal);
        const double number = whole ? static_cast<double>(*whole) : std::get<double>(literal.literal);
        literal.literal = number / 100;
        literal.percent = true;
      }
      return add(std::move(literal));
    }
    Node node{.kind = Node::Kind::kMeasure, .at = at};
    if (is_word("growth")) {
      next();
      const std::size_t opened = token().at;
      if (!take_sign("(")) fail(token().at, "'(' is expected after growth, not " + shown(), "growth(rss)");
      node.measure = measure();
      node.measure.growth = true;
      close(")", opened);
    } else {
      node.measure = measure();
    }
    return add(std::move(node));
  }

  ExpressionMeasure measure() {
    using Takes = ExpressionMeasureName::Takes;
    const std::size_t at = token().at;
    const ExpressionMeasureName* known = nullptr;
    std::vector<std::string> names{"growth"};
    for (const ExpressionMeasureName& m : expression_measures()) {
      names.emplace_back(m.name);
      if (is_word(m.name)) known = &m;
    }
    if (!known) {
      const std::string meant =
          token().kind == Token::Kind::kWord ? did_you_mean(near_names(token().text, names, 2)) : "";
      fail(at, "a number or a measure is expected, not " + shown(),
           meant.empty() ? "heapglass help thresholds lists the measures" : meant);
    }
    next();
    ExpressionMeasure out{.name = std::string(known->name)};
    const std::size_t opened = token().at;
    if (known->takes == Takes::kNothing || !take_sign("(")) {
      if (known->takes == Takes::kType || known->takes == Takes::kOwner)
        fail(token().at, "'(' is expected after " + out.name + ", not " + shown(),
             out.name + (known->takes == Takes::kOwner ? "('app.cache')" : "(app.Session)"));
      return out;
    }
    if (token().kind == Token::Kind::kText && std::holds_alternative<std::string>(token().value)) {
      out.argument = std::get<std::string>(token().value);
      next();
    } else if (token().kind == Token::Kind::kWord) {
      out.argument = dotted_name();
    } else {
      fail(token().at, "a name is expected, not " + shown(), "a name with signs in it stands in quotes");
    }
    close(")", opened);
    return out;
  }

  std::uint32_t is_type(std::uint32_t object) {
    const std::size_t at = token().at;
    next();
    bool negated = false;
    if (is_word("not")) {
      negated = true;
      next();
    }
    Node node{.kind = Node::Kind::kIs, .at = at, .children = {object}};
    if (is_word("None")) {
      node.literal = ExpressionNone{};
      next();
    } else if (token().kind == Token::Kind::kText && std::holds_alternative<std::string>(token().value)) {
      node.literal = token().value;
      next();
    } else if (token().kind == Token::Kind::kWord) {
      node.literal = dotted_name();
    } else {
      fail(token().at, "the name of a type is expected after 'is', not " + shown());
    }
    const std::uint32_t is = add(std::move(node));
    return negated ? add({.kind = Node::Kind::kNot, .at = at, .children = {is}}) : is;
  }

  std::string dotted_name() {
    std::string name = token().text;
    next();
    while (is_sign(".") && token().at == previous_end()) {
      next();
      if (token().kind != Token::Kind::kWord) fail(token().at, "a name is expected after the dot");
      name += "." + token().text;
      next();
    }
    return name;
  }

  void close(std::string_view sign, std::size_t opened) {
    if (!take_sign(sign))
      fail(token().at, "'" + std::string(sign) + "' is expected, not " + shown(),
           "it closes the one at column " + std::to_string(opened + 1));
  }

  std::uint32_t list_or_operand() {
    if (!is_sign("(") && !is_sign("[")) return operand();
    const std::size_t at = token().at;
    const std::string_view end = is_sign("(") ? ")" : "]";
    next();
    Node list{.kind = Node::Kind::kList, .at = at};
    while (!is_sign(end)) {
      if (!list.children.empty() && !take_sign(","))
        fail(token().at, "',' or '" + std::string(end) + "' is expected, not " + shown());
      if (is_sign(end)) break;
      const std::size_t item_at = token().at;
      const std::uint32_t item = operand();
      if (nodes_[item].kind != Node::Kind::kLiteral && nodes_[item].kind != Node::Kind::kTypeName)
        fail(item_at, "a list holds texts, numbers and names of types only");
      list.children.push_back(item);
    }
    close(end, at);
    return add(std::move(list));
  }

  std::uint32_t operand() {
    const std::size_t at = token().at;
    if (token().kind == Token::Kind::kNumber || token().kind == Token::Kind::kText) {
      Node literal{.kind = Node::Kind::kLiteral, .at = at, .literal = token().value};
      next();
      return add(std::move(literal));
    }
    if (is_sign(".") || is_sign("[")) return path(at);
    if (token().kind != Token::Kind::kWord)
      fail(at, "a field, a value or an attribute is expected, not " + shown());
    if (is_word("self")) {
      next();
      return path(at);
    }
    for (const auto& [word, value] : {std::pair<std::string_view, ExpressionValue>{"None", ExpressionNone{}},
                                      {"True", true},
                                      {"False", false}})
      if (is_word(word)) {
        next();
        return add({.kind = Node::Kind::kLiteral, .at = at, .literal = value});
      }
    for (const ExpressionFieldName& f : expression_fields())
      if (is_word(f.name)) {
        next();
        if (is_sign(".") && token().at == previous_end()) {
          // A type may be in a package whose name is a field's: type == module.Class.
          Node name{.kind = Node::Kind::kTypeName, .at = at};
          std::string text(f.name);
          while (take_sign(".")) {
            if (token().kind != Token::Kind::kWord) fail(token().at, "a name is expected after the dot");
            text += "." + token().text;
            next();
          }
          name.literal = text;
          return add(std::move(name));
        }
        return add({.kind = Node::Kind::kField, .at = at, .field = f.field});
      }
    for (const std::string_view keyword : {"and", "or", "not", "in", "is"})
      if (is_word(keyword)) fail(at, "a field, a value or an attribute is expected, not " + shown());
    Node name{.kind = Node::Kind::kTypeName, .at = at};
    name.literal = dotted_name();
    return add(std::move(name));
  }

  // .name and [key], any number of them.
  std::uint32_t path(std::size_t at) {
    Node path{.kind = Node::Kind::kPath, .at = at};
    while (is_sign(".") || is_sign("[")) {
      const std::size_t opened = token().at;
      const bool item = is_sign("[");
      next();
      if (!item) {
        if (token().kind != Token::Kind::kWord)
          fail(token().at, "the name of an attribute is expected after the dot");
        path.steps.push_back({false, token().text});
        next();
        continue;
      }
      if ((token().kind != Token::Kind::kText && token().kind != Token::Kind::kNumber) ||
          std::holds_alternative<double>(token().value))
        fail(token().at, "a key is a text or a whole number, not " + shown());
      path.steps.push_back({true, token().value});
      next();
      close("]", opened);
    }
    return add(std::move(path));
  }

  // ---- what makes sense

  enum class Sort { kText, kNumber, kTruth, kOther, kAny };
  Sort sort_of(const Node& node) const {
    switch (node.kind) {
      case Node::Kind::kTypeName:
        return Sort::kText;
      case Node::Kind::kField:
        for (const ExpressionFieldName& f : expression_fields())
          if (f.field == node.field)
            return f.of == Of::kText ? Sort::kText : f.of == Of::kNumber ? Sort::kNumber : Sort::kTruth;
        return Sort::kAny;
      case Node::Kind::kLiteral:
        if (std::holds_alternative<std::string>(node.literal)) return Sort::kText;
        if (std::holds_alternative<std::int64_t>(node.literal) ||
            std::holds_alternative<double>(node.literal))
          return Sort::kNumber;
        if (std::holds_alternative<bool>(node.literal)) return Sort::kTruth;
        return Sort::kOther;
      default:
        return Sort::kAny;
    }
  }
  static std::string_view say(Sort sort) {
    return sort == Sort::kText ? "a text" : sort == Sort::kNumber ? "a number" : "true or false";
  }
  std::string say(const Node& node) const {
    const std::size_t end = node.kind == Node::Kind::kLiteral || node.kind == Node::Kind::kField
                                ? std::min(text().find_first_of(" \t\n)],=<>!~", node.at), text().size())
                                : node.at;
    return std::string(text().substr(node.at, end - node.at));
  }

  bool names_types(const Node& node) const {
    return node.kind == Node::Kind::kField &&
           (node.field == ExpressionField::kType || node.field == ExpressionField::kModule);
  }
  [[noreturn]] void no_such_name(const Node& name) const {
    const std::string& text = std::get<std::string>(name.literal);
    std::vector<std::string> names{"self"};
    for (const ExpressionFieldName& f : expression_fields()) names.emplace_back(f.name);
    const std::string meant = did_you_mean(near_names(text, names, 2));
    fail(name.at, "there is no field '" + text + "'",
         !meant.empty()
             ? meant
             : "an attribute is written with a dot: ." + text + "; a text in quotes: '" + text + "'");
  }
  void check_alone(std::uint32_t i) const {
    const Node& node = nodes_[i];
    if (node.kind == Node::Kind::kTypeName) no_such_name(node);
    if (node.kind == Node::Kind::kLiteral && !std::holds_alternative<bool>(node.literal))
      fail(token().at, "a comparison is expected after this value, not " + shown());
    if (node.kind == Node::Kind::kField && sort_of(node) == Sort::kText && !is_word("is"))
      fail(token().at, "a comparison is expected, not " + shown(), "as in type == dict, repr ~ 'needle'");
  }
  void check(std::uint32_t left_index, Node::Op op, std::uint32_t right_index, std::size_t op_at) const {
    const Node &left = nodes_[left_index], &right = nodes_[right_index];
    if (left.kind == Node::Kind::kTypeName && !names_types(right)) no_such_name(left);
    auto check_pair = [&](const Node& other) {
      if (other.kind == Node::Kind::kTypeName && !names_types(left)) no_such_name(other);
      const Sort a = sort_of(left), b = sort_of(other);
      const bool patterns = op == Op::kMatches || op == Op::kNotMatches;
      if (patterns && ((a != Sort::kText && a != Sort::kAny) || (b != Sort::kText && b != Sort::kAny)))
        fail(op_at, "~ compares a text with a pattern", "as in repr ~ 'needle', type ~ 'app.*'");
      if ((a == Sort::kText && b == Sort::kNumber) || (a == Sort::kNumber && b == Sort::kText) ||
          (names_field(left) && (a == Sort::kTruth) != (b == Sort::kTruth) && b != Sort::kAny))
        fail(op_at, say(left) + " is " + std::string(say(a)) + " and " + say(other) + " is " +
                        (b == Sort::kOther ? "not" : std::string(say(b))));
    };
    if (op == Op::kIn || op == Op::kNotIn) {
      if (right.kind == Node::Kind::kList) {
        for (const std::uint32_t item : right.children) check_pair(nodes_[item]);
      } else if (sort_of(right) != Sort::kText && sort_of(right) != Sort::kAny) {
        fail(op_at, "in is followed by a list or a text", "as in type in (dict, list), 'needle' in repr");
      }
      return;
    }
    check_pair(right);
  }
  static bool names_field(const Node& node) { return node.kind == Node::Kind::kField; }

  std::vector<Node>& nodes_;
  const bool threshold_;
  int depth_ = 0;
};

}  // namespace

Expression Expression::parse(std::string_view text, std::string_view option) {
  Expression expression;
  expression.text_ = text;
  Parser(expression.text_, option, expression.nodes_, false).parse();
  return expression;
}

Expression Expression::parse_threshold(std::string_view text, std::string_view option) {
  Expression expression;
  expression.text_ = text;
  Parser(expression.text_, option, expression.nodes_, true).parse();
  return expression;
}

}  // namespace heapglass
