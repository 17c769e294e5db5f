// The one language in which commands take conditions on objects: --filter, --highlight, --where, --stop-at,
// --avoid. `heapglass help expressions` prints expression_help(), which says all of it.
//
//   const Expression wanted = Expression::parse("size > 1MB and type in (dict, list)");
//   if (wanted.matches(objects, address)) ...
//
// Nothing of the target runs: values are what lies in its memory. What cannot be known makes the comparison
// that asks for it false.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/address.h"
#include "lib/base/error.h"

namespace heapglass {

// What an expression can ask of any object.
enum class ExpressionField : std::uint8_t {
  kType,          // module.qualname
  kModule,        // the module of its type
  kRepr,          // its structural repr
  kSize,          // sys.getsizeof
  kRetained,      // what would be freed with it; only where the command computes it
  kRefcount,      // as it stands in memory
  kLength,        // of a container, str or bytes
  kId,            // its address
  kTracked,       // by the cyclic collector
  kProperModule,  // a module that sys.modules has under its __name__
};

struct ExpressionNone {
  bool operator==(const ExpressionNone&) const = default;
};
struct ExpressionBytes {
  std::string bytes;
  bool operator==(const ExpressionBytes&) const = default;
};
// std::monostate: it is not there, or nobody can know it. Address: an object that is none of the others.
using ExpressionValue = std::variant<std::monostate, ExpressionNone, bool, std::int64_t, double, std::string,
                                     ExpressionBytes, Address>;

// What a threshold asks of a moment: "rss", "bytes(app.Session)", "growth(count(app.Session))".
struct ExpressionMeasure {
  std::string name;       // of expression_measures()
  std::string argument;   // of bytes(...): the type's or owner's name
  bool growth = false;    // since the first moment
  bool relative = false;  // as a part of what it was there
};

// The objects that an expression looks at: a live heap has them in memory, a snapshot in its file.
class ExpressionObjects {
 public:
  virtual ~ExpressionObjects() = default;
  virtual ExpressionValue field(Address object, ExpressionField field) const = 0;
  // Is its type this one, or derived from it? `type` as in --type: with a dot the whole name, else the last
  // part.
  virtual bool is_instance(Address object, std::string_view type) const = 0;
  // None, bool, int that fits, float, str and bytes as such, everything else as its Address.
  virtual ExpressionValue value(Address object) const = 0;
  // object.name as it lies in the instance, a slot or a module; null: there is none.
  virtual Address attribute(Address object, std::string_view name) const = 0;
  // object[key] of a dict (str, int or bytes keys), list or tuple (negative: from the end); null: there is
  // none.
  virtual Address item(Address object, const ExpressionValue& key) const = 0;
};

// The moment that a threshold looks at.
class ExpressionSample {
 public:
  virtual ~ExpressionSample() = default;
  // nullopt: nobody knows.
  virtual std::optional<double> measure(const ExpressionMeasure& measure) const = 0;
};

class Expression {
 public:
  struct Node;

  // `option` names the option in the message. Throws Error kUsage whose detail() shows the text and a caret
  // below the place.
  static Expression parse(std::string_view text, std::string_view option);
  // For --fail-if: numbers of a whole heap in place of what is asked of objects.
  static Expression parse_threshold(std::string_view text, std::string_view option);
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  bool matches(const ExpressionObjects& objects, Address object) const;
  bool uses(ExpressionField field) const;
  // Of a threshold: the comparisons that make it true, "growth(rss) is 7.31 %, which is > 5 %"; none: it is
  // not exceeded.
  std::vector<std::string> exceeded(const ExpressionSample& sample) const;
  std::vector<ExpressionMeasure> measures() const;
  const std::string& text() const { return text_; }

 private:
  Expression() = default;
  std::string text_;
  std::vector<Node> nodes_;  // children before parents; the last one is the whole
};

// What a condition is written with, for who offers it: fields and joining words.
struct ExpressionWord {
  std::string_view word, meaning;
};
std::vector<ExpressionWord> expression_words();

// The languages in full, for people.
std::string expression_help();
std::string threshold_help();

// `pattern` with *, ? and [abc] matches the whole text, one without them a part of it. Linear in the text
// for each star.
bool text_matches(std::string_view pattern, std::string_view text);

}  // namespace heapglass
