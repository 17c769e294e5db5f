// The tree of an expression, for its parser and its evaluation only.
#pragma once

#include "lib/expression/expression.h"

namespace heapglass {

struct Expression::Node {
  enum class Kind : std::uint8_t {
    kLiteral,   // literal
    kTypeName,  // literal, written without quotes
    kField,     // field
    kPath,      // from the object along steps; none: the object itself
    kList,      // children, literals all
    kIs,        // child 0 is of the type `literal`, or None
    kMeasure,   // measure, of thresholds
    kCompare,   // children[0] ops[0] children[1] ops[1] children[2] ..., all of them true
    kNot,
    kAnd,
    kOr,
  };
  enum class Op : std::uint8_t {
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kMatches,
    kNotMatches,
    kIn,
    kNotIn,
  };
  struct Step {
    bool item = false;  // [key], else .key
    ExpressionValue key;
  };

  Kind kind = Kind::kLiteral;
  std::size_t at = 0;  // where it stands in the text, bytes
  ExpressionField field = ExpressionField::kType;
  ExpressionValue literal;
  std::vector<Step> steps;
  ExpressionMeasure measure;
  bool percent = false;  // of a number: 5%, as 0.05
  std::vector<std::uint32_t> children;
  std::vector<Op> ops;
};

// Every field by its name; retained, refcount, ... are numbers, tracked a truth.
struct ExpressionFieldName {
  std::string_view name;
  ExpressionField field;
  enum class Of : std::uint8_t { kText, kNumber, kTruth } of;
  std::string_view meaning;
};
const std::vector<ExpressionFieldName>& expression_fields();

// What thresholds can ask for.
struct ExpressionMeasureName {
  std::string_view name;
  enum class Takes : std::uint8_t { kNothing, kType, kTypeOrNothing, kOwner } takes;
  std::string_view meaning;
  bool is_bytes = false;
};
const std::vector<ExpressionMeasureName>& expression_measures();

}  // namespace heapglass
