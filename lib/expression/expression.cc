#include "lib/expression/expression.h"

#include <algorithm>

#include "lib/base/type_name.h"
#include "lib/expression/expression_node.h"

namespace heapglass {
namespace {

using Node = Expression::Node;
using Op = Node::Op;

constexpr std::size_t kLongestPath = 64;  // steps of attributes and items that are followed

std::optional<std::int64_t> whole(const ExpressionValue& v) {
  if (const auto* b = std::get_if<bool>(&v)) return *b;
  if (const auto* n = std::get_if<std::int64_t>(&v)) return *n;
  return std::nullopt;
}
// -1, 0, 1; nullopt where the two have no order.
std::optional<int> order(const ExpressionValue& a, const ExpressionValue& b) {
  auto sign = [](auto x, auto y) -> std::optional<int> {
    return x < y ? -1 : x > y ? 1 : x == y ? std::optional<int>(0) : std::nullopt;  // NaN: none
  };
  const auto x = whole(a), y = whole(b);
  if (x && y) return sign(*x, *y);
  const auto *p = std::get_if<double>(&a), *q = std::get_if<double>(&b);
  // long double holds every int64 and double exactly.
  if ((x || p) && (y || q))
    return sign(x ? static_cast<long double>(*x) : static_cast<long double>(*p),
                y ? static_cast<long double>(*y) : static_cast<long double>(*q));
  if (const auto* s = std::get_if<std::string>(&a), *t = std::get_if<std::string>(&b); s && t)
    return sign(s->compare(*t), 0);
  if (const auto* s = std::get_if<ExpressionBytes>(&a), *t = std::get_if<ExpressionBytes>(&b); s && t)
    return sign(s->bytes.compare(t->bytes), 0);
  return std::nullopt;
}

bool known(const ExpressionValue& v) { return !std::holds_alternative<std::monostate>(v); }

bool equal(const ExpressionValue& a, const ExpressionValue& b) {
  if (const auto o = order(a, b)) return *o == 0;
  if (std::holds_alternative<ExpressionNone>(a) && std::holds_alternative<ExpressionNone>(b)) return true;
  // An object against an id, or against itself.
  auto address = [](const ExpressionValue& v) -> std::optional<std::uint64_t> {
    if (const auto* at = std::get_if<Address>(&v)) return value(*at);
    if (const auto* n = std::get_if<std::int64_t>(&v)) return static_cast<std::uint64_t>(*n);
    return std::nullopt;
  };
  if (std::holds_alternative<Address>(a) || std::holds_alternative<Address>(b)) {
    const auto x = address(a), y = address(b);
    return x && y && *x == *y;
  }
  return false;
}

class Evaluation {
 public:
  Evaluation(const std::vector<Node>& nodes, const ExpressionObjects& objects, Address object)
      : nodes_(nodes), objects_(objects), object_(object) {}

  // As deep as the parser has let it nest.
  bool truth(std::uint32_t i) const {
    const Node& node = nodes_[i];
    switch (node.kind) {
      case Node::Kind::kNot:
        return !truth(node.children[0]);
      case Node::Kind::kAnd:
        return std::all_of(node.children.begin(), node.children.end(), [&](auto c) { return truth(c); });
      case Node::Kind::kOr:
        return std::any_of(node.children.begin(), node.children.end(), [&](auto c) { return truth(c); });
      case Node::Kind::kIs:
        return is(node);
      case Node::Kind::kCompare:
        return compare(node);
      default:
        return truth_of(value(node));
    }
  }

 private:
  // Null: a step leads nowhere.
  Address follow(const Node& path) const {
    Address at = object_;
    if (path.steps.size() > kLongestPath) return Address{};
    for (const Node::Step& step : path.steps) {
      if (is_null(at)) break;
      at = step.item ? objects_.item(at, step.key) : objects_.attribute(at, std::get<std::string>(step.key));
    }
    return at;
  }

  ExpressionValue value(const Node& node) const {
    if (node.kind == Node::Kind::kField) return objects_.field(object_, node.field);
    if (node.kind != Node::Kind::kPath) return node.literal;
    const Address at = follow(node);
    return is_null(at) ? ExpressionValue() : objects_.value(at);
  }

  bool truth_of(const ExpressionValue& v) const {
    if (const auto n = whole(v)) return *n != 0;
    if (const auto* d = std::get_if<double>(&v)) return *d != 0;
    if (const auto* s = std::get_if<std::string>(&v)) return !s->empty();
    if (const auto* b = std::get_if<ExpressionBytes>(&v)) return !b->bytes.empty();
    if (const auto* a = std::get_if<Address>(&v)) {
      const auto length = whole(objects_.field(*a, ExpressionField::kLength));
      return !length || *length != 0;
    }
    return false;  // None, or not there
  }

  bool is(const Node& node) const {
    const Node& child = nodes_[node.children[0]];
    if (std::holds_alternative<ExpressionNone>(node.literal))
      return std::holds_alternative<ExpressionNone>(value(child));
    if (child.kind != Node::Kind::kPath) return false;
    const Address at = follow(child);
    return !is_null(at) && objects_.is_instance(at, std::get<std::string>(node.literal));
  }

  bool compare(const Node& node) const {
    for (std::size_t i = 0; i < node.ops.size(); ++i)
      if (!compare(nodes_[node.children[i]], node.ops[i], nodes_[node.children[i + 1]])) return false;
    return true;
  }

  bool compare(const Node& left, Op op, const Node& right) const {
    const ExpressionValue a = value(left);
    if (!known(a)) return false;
    if (op == Op::kIn || op == Op::kNotIn) {
      const auto found = contains(left, a, right);
      return found && *found == (op == Op::kIn);
    }
    const ExpressionValue b = value(right);
    if (!known(b)) return false;
    switch (op) {
      case Op::kEqual:
        return same(left, a, right, b);
      case Op::kNotEqual:
        return !same(left, a, right, b);
      case Op::kMatches:
      case Op::kNotMatches: {
        const auto *text = std::get_if<std::string>(&a), *pattern = std::get_if<std::string>(&b);
        return text && pattern && text_matches(*pattern, *text) == (op == Op::kMatches);
      }
      default:
        break;
    }
    const auto o = order(a, b);
    if (!o) return false;
    return op == Op::kLess ? *o < 0 : op == Op::kLessEqual ? *o <= 0 : op == Op::kGreater ? *o > 0 : *o >= 0;
  }

  static bool is_type(const Node& node) {
    return node.kind == Node::Kind::kField && node.field == ExpressionField::kType;
  }
  // Equal; a type's name by the rule of --type.
  static bool same(const Node& left, const ExpressionValue& a, const Node& right, const ExpressionValue& b) {
    const auto *s = std::get_if<std::string>(&a), *t = std::get_if<std::string>(&b);
    if (s && t && is_type(left)) return type_matches(*s, *t);
    if (s && t && is_type(right)) return type_matches(*t, *s);
    return equal(a, b);
  }

  // nullopt: that cannot be known.
  std::optional<bool> contains(const Node& left, const ExpressionValue& a, const Node& right) const {
    if (right.kind == Node::Kind::kList)
      return std::any_of(right.children.begin(), right.children.end(),
                         [&](std::uint32_t c) { return same(left, a, nodes_[c], nodes_[c].literal); });
    const ExpressionValue b = value(right);
    if (const auto* s = std::get_if<std::string>(&a), *t = std::get_if<std::string>(&b); s && t)
      return t->find(*s) != std::string::npos;
    if (const auto* s = std::get_if<ExpressionBytes>(&a), *t = std::get_if<ExpressionBytes>(&b); s && t)
      return t->bytes.find(s->bytes) != std::string::npos;
    if (const auto* at = std::get_if<Address>(&b); at && objects_.is_instance(*at, "builtins.dict"))
      return !is_null(objects_.item(*at, a));
    return std::nullopt;
  }

  const std::vector<Node>& nodes_;
  const ExpressionObjects& objects_;
  const Address object_;
};

// Does `c` match the pattern's piece at `p`? `next` is where the piece ends.
bool piece_matches(std::string_view pattern, std::size_t p, char c, std::size_t& next) {
  next = p + 1;
  if (pattern[p] == '?') return true;
  if (pattern[p] != '[') return pattern[p] == c;
  std::size_t i = p + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  const std::size_t close = pattern.find(']', i + 1);
  if (close == std::string_view::npos) return c == '[';
  bool found = false;
  for (; i < close; ++i) {
    if (i + 2 < close && pattern[i + 1] == '-') {
      found |= static_cast<unsigned char>(pattern[i]) <= static_cast<unsigned char>(c) &&
               static_cast<unsigned char>(c) <= static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    } else {
      found |= pattern[i] == c;
    }
  }
  next = close + 1;
  return found != negated;
}

}  // namespace

Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

bool Expression::matches(const ExpressionObjects& objects, Address object) const {
  return Evaluation(nodes_, objects, object).truth(static_cast<std::uint32_t>(nodes_.size() - 1));
}

bool Expression::uses(ExpressionField field) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
    return node.kind == Node::Kind::kField && node.field == field;
  });
}

bool text_matches(std::string_view pattern, std::string_view text) {
  if (pattern.find_first_of("*?[") == std::string_view::npos)
    return text.find(pattern) != std::string_view::npos;
  // The last star is the only one that ever has to take more: no backtracking over earlier ones.
  std::size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    std::size_t next = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && piece_matches(pattern, p, text[t], next)) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace heapglass
