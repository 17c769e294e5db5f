// What there is to ask for, and how: the one list of fields, and the language told to people.

#include "lib/expression/expression_node.h"

namespace heapglass {

const std::vector<ExpressionFieldName>& expression_fields() {
  using Of = ExpressionFieldName::Of;
  using F = ExpressionField;
  static const std::vector<ExpressionFieldName> fields{
      {"type", F::kType, Of::kText, "the name of its type: module.qualname"},
      {"module", F::kModule, Of::kText, "the module of its type"},
      {"repr", F::kRepr, Of::kText, "what `objects` shows of it"},
      {"size", F::kSize, Of::kNumber, "its own bytes, as sys.getsizeof has them"},
      {"retained", F::kRetained, Of::kNumber, "the bytes that would be freed with it"},
      {"refcount", F::kRefcount, Of::kNumber, "its reference count"},
      {"length", F::kLength, Of::kNumber, "items of a container, characters of a str, bytes of a bytes"},
      {"id", F::kId, Of::kNumber, "its address: 139872341 or 0x8565355"},
      {"tracked", F::kTracked, Of::kTruth, "whether the cyclic collector tracks it (gc means the same)"},
      {"gc", F::kTracked, Of::kTruth, ""},
      {"proper_module", F::kProperModule, Of::kTruth, "whether it is a module that sys.modules has"},
  };
  return fields;
}

const std::vector<ExpressionMeasureName>& expression_measures() {
  using Takes = ExpressionMeasureName::Takes;
  static const std::vector<ExpressionMeasureName> measures{
      {"rss", Takes::kNothing, "resident memory of the process, of a live one", true},
      {"peak", Takes::kNothing, "the most that it ever had resident", true},
      {"objects", Takes::kNothing, "all objects", false},
      {"bytes", Takes::kTypeOrNothing, "of all objects, or bytes(app.Session) of those of a type", true},
      {"count", Takes::kType, "count(app.Session): objects of a type", false},
      {"retained", Takes::kType, "retained(app.Session): what would be freed with all of a type", true},
      {"owner", Takes::kOwner, "owner('app.cache'): bytes of what hangs in it, by the name that diff shows",
       true},
      {"entries", Takes::kOwner, "entries('app.cache'): its items", false},
      {"pause", Takes::kNothing, "the pause of a capture, in milliseconds", false},
  };
  return measures;
}

std::vector<ExpressionWord> expression_words() {
  std::vector<ExpressionWord> words;
  for (const ExpressionFieldName& f : expression_fields()) words.push_back({f.name, f.meaning});
  for (const ExpressionWord& each :
       std::initializer_list<ExpressionWord>{{"self", "the object itself"},
                                             {"is", "of this type or derived from it, or None"},
                                             {"in", "of a list, a part of a text, a key of a dict"},
                                             {"not", "the opposite; not in, is not"},
                                             {"and", "both"},
                                             {"or", "one of both"},
                                             {"None", ""}})
    words.push_back(each);
  return words;
}

std::string threshold_help() {
  std::string text =
      "Thresholds, for --fail-if: where one is exceeded the exit code is 1 and the reason is told.\n\n"
      "  bytes(app.Session) > 10MB              of all objects of a type, in the last of the moments\n"
      "  growth(rss) > 5%                       of what it was in the first\n"
      "  growth(count(app.Session)) >= 1000     more of them than in the first\n"
      "  growth(owner('app.cache')) > 1MB or growth(entries('app.cache')) > 10000\n\n"
      "Measures:\n";
  for (const ExpressionMeasureName& m : expression_measures())
    text += "  " + std::string(m.name) + std::string(15 - m.name.size(), ' ') + std::string(m.meaning) + "\n";
  text +=
      "  growth(...)    how much more that is in the last moment than in the first, in its own unit or in "
      "%\n\n"
      "They are compared with numbers or one another by < <= > >=, and join by and, or, not and parentheses. "
      "Sizes may\nhave a unit: 10kB, 1.5MB, 2GB, 64KiB. Names of types are as in --type: with a dot the "
      "whole "
      "name, without one\nthe last part. What nobody knows (the rss of a core file) exceeds nothing, and a "
      "warning tells.\n";
  return text;
}

std::string expression_help() {
  std::string text =
      "Conditions on objects, for --where, --filter, --highlight, --stop-at and --avoid.\n\n"
      "  type == app.Session and size > 1MB          a type with a dot is the whole name, one without the "
      "last part\n"
      "  type in (dict, list) and length > 1000      in a list\n"
      "  type ~ 'app.*' and not tracked              * and ? as in file names; without them: contains\n"
      "  is BaseException                            of this type or derived from it\n"
      "  .user.name == 'bob' and .retries >= 3       attributes, as they lie in the instance\n"
      "  ['users'][0].id == 17                       items of dicts, lists and tuples\n"
      "  is str and self ~ '*password*'              the object's own value\n"
      "  'Traceback' in repr or .parent is None      part of a text; None\n"
      "  10 <= refcount < 100                        chains\n\n"
      "Fields:\n";
  for (const ExpressionFieldName& f : expression_fields())
    if (!f.meaning.empty())
      text +=
          "  " + std::string(f.name) + std::string(15 - f.name.size(), ' ') + std::string(f.meaning) + "\n";
  text +=
      "  self           the object itself; .name and [key] alone are short for self.name and self[key]\n\n"
      "Comparisons: == != < <= > >=, ~ and !~ with a pattern, in and not in with a list, a text or a dict's "
      "keys, is and\n"
      "is not with a type or None. They join by and, or, not and parentheses. Texts stand in quotes, names "
      "of "
      "types need\n"
      "none; sizes may have a unit: 10kB, 1.5MB, 2GB, 64KiB, 1MiB.\n\n"
      "No code of the target runs: an attribute is what lies in the instance's dict, values or slots, never "
      "what a\n"
      "property or __getattr__ would make of it. What is not there, or cannot be known, makes a comparison "
      "false,\n"
      "!= included; alone, .name is true where the value is there and not empty, zero, False or None.\n";
  return text;
}

}  // namespace heapglass
