#include "lib/snapshot/content_rules.h"

#include <algorithm>
#include <iterator>

namespace heapglass {
namespace {

constexpr ContentRule kRules[] = {
    {Subject::kText, Part::kTextHead, Fate::kKept, Fate::kHidden, Exempt::kNames, "str",
     "hash, state, where copies are", "the hash tells an equal text, and copies of it are values"},
    {Subject::kText, Part::kCharacters, Fate::kBeginning, Fate::kHidden, Exempt::kNames, "str", "characters",
     "a text is a value, where it is no name"},
    {Subject::kBytes, Part::kBytesHash, Fate::kKept, Fate::kHidden, Exempt::kCodeTables, "bytes", "hash",
     "it tells equal bytes"},
    {Subject::kBytes, Part::kContents, Fate::kBeginning, Fate::kHidden, Exempt::kCodeTables, "bytes",
     "the bytes", "they are a value, where they are no table of code"},
    {Subject::kInt, Part::kIntSize, Fate::kKept, Fate::kHidden, Exempt::kThreadNumbers, "int",
     "sign and number of digits", "of a small int they are most of the value"},
    {Subject::kIntWithDict, Part::kIntSize, Fate::kKept, Fate::kCount, Exempt::kThreadNumbers,
     "int, of a class with a dict behind the digits (to 3.11)", "sign and number of digits",
     "how many digits there are says where the dict is"},
    {Subject::kInt, Part::kDigits, Fate::kBeginning, Fate::kHidden, Exempt::kKnownNumbers, "int", "digits",
     "a value, where it is not the number of a thread, which the file tells anyway"},
    {Subject::kIntWithDict, Part::kDigits, Fate::kBeginning, Fate::kHidden, Exempt::kKnownNumbers,
     "int, of a class with a dict behind the digits (to 3.11)", "digits", "as those of other ints"},
    {Subject::kFloat, Part::kNumber, Fate::kKept, Fate::kHidden, Exempt::kNone, "float", "the number",
     "a value; not longer than the shortest cut"},
    {Subject::kComplex, Part::kNumber, Fate::kKept, Fate::kHidden, Exempt::kNone, "complex",
     "the two numbers", "as that of a float"},
    {Subject::kByteArray, Part::kBuffer, Fate::kBeginning, Fate::kHidden, Exempt::kNone, "bytearray",
     "the bytes, in their buffer", "they are a value"},
    {Subject::kCode, Part::kItems, Fate::kBeginning, Fate::kKept, Exempt::kNone, "code (3.11+)",
     "instructions", "the argument of one says what a coroutine waits for"},
    {Subject::kSmallItems, Part::kItems, Fate::kBeginning, Fate::kHidden, Exempt::kNone,
     "others with items smaller than a pointer", "items", "they are no references"},
    {Subject::kDict, Part::kKeyHashes, Fate::kZero, Fate::kZero, Exempt::kNone, "dict", "hashes of keys",
     "the hash of an int is the int; entries are read as a whole, so that they cannot be left out"},
    {Subject::kSet, Part::kKeyHashes, Fate::kZero, Fate::kZero, Exempt::kNone, "set, frozenset",
     "hashes of elements, but the -1 of a removed one", "as those of keys"},
    {Subject::kUnknown, Part::kOpaqueWords, Fate::kBeginning, Fate::kAddresses, Exempt::kNone,
     "objects of unknown make", "words behind the head", "what is no reference may be a value"},
};

#define OFFSET(Struct, field) [](const Objects& o) { return o.layout().Struct.field; }
constexpr NameRule kNames[] = {
    {NamedBy::kFunction, "func_name", OFFSET(PyFunctionObject, func_name), Exempt::kNames},
    {NamedBy::kFunction, "func_qualname", OFFSET(PyFunctionObject, func_qualname), Exempt::kNames},
    {NamedBy::kCode, "co_name", OFFSET(PyCodeObject, co_name), Exempt::kNames},
    {NamedBy::kCode, "co_qualname", OFFSET(PyCodeObject, co_qualname), Exempt::kNames},
    {NamedBy::kCode, "co_filename", OFFSET(PyCodeObject, co_filename), Exempt::kNames},
    {NamedBy::kCode, "co_code", OFFSET(PyCodeObject, co_code), Exempt::kCodeTables},
    {NamedBy::kCode, "co_lnotab", OFFSET(PyCodeObject, co_lnotab), Exempt::kCodeTables},
    {NamedBy::kCode, "co_linetable", OFFSET(PyCodeObject, co_linetable), Exempt::kCodeTables},
    {NamedBy::kCode, "co_localspluskinds", OFFSET(PyCodeObject, co_localspluskinds), Exempt::kCodeTables},
    {NamedBy::kCode, "co_exceptiontable",
     [](const Objects& o) {
       const auto field = LayoutSources(o.python().sources).field("PyCodeObject", "co_exceptiontable");
       return field && field->offset < 1u << 20 ? static_cast<std::int32_t>(field->offset) : kAbsent;
     },
     Exempt::kCodeTables},
    {NamedBy::kGenerator, "gi_name", OFFSET(PyGenObject, gi_name), Exempt::kNames},
    {NamedBy::kGenerator, "gi_qualname", OFFSET(PyGenObject, gi_qualname), Exempt::kNames},
    {NamedBy::kDescriptor, "d_name", OFFSET(PyDescrObject, d_name), Exempt::kNames},
    {NamedBy::kClass, "ht_name", OFFSET(PyHeapTypeObject, ht_name), Exempt::kNames},
    {NamedBy::kClass, "ht_qualname", OFFSET(PyHeapTypeObject, ht_qualname), Exempt::kNames},
    {NamedBy::kModule, "md_name", OFFSET(PyModuleObject, md_name), Exempt::kNames},
};
#undef OFFSET

bool is_derived_from(TypeTable& types, const TypeInfo& type, std::string_view name) {
  constexpr int kMostBases = 1000;
  const TypeInfo* base = &type;
  for (int i = 0; base && i < kMostBases && base->name != name; ++i)
    base = is_null(base->base) ? nullptr : types.get(base->base);
  return base && base->name == name;
}

}  // namespace

std::span<const ContentRule> content_rules() { return kRules; }

std::span<const NameRule> name_rules() { return kNames; }

std::uint16_t subjects_of(TypeTable& types, const TypeInfo& type) {
  const auto bit = [](Subject s) { return static_cast<std::uint16_t>(s); };
  unsigned all = 0;
  if (type.flags & kTpUnicodeSubclass)
    all = bit(Subject::kText);
  else if (type.flags & kTpBytesSubclass)
    all = bit(Subject::kBytes);
  else if (type.flags & kTpLongSubclass)
    all = bit(type.dict == InstanceDict::kAtOffset && type.dictoffset < 0 ? Subject::kIntWithDict
                                                                          : Subject::kInt);
  else if (is_derived_from(types, type, "builtins.float"))
    all = bit(Subject::kFloat);
  else if (is_derived_from(types, type, "builtins.complex"))
    all = bit(Subject::kComplex);
  else if (type.size_rule == SizeRule::kByteArray)
    all = bit(Subject::kByteArray);
  else if (type.name == "builtins.code")
    all = bit(Subject::kCode);
  else if (!(type.flags & (kTpTypeSubclass | kTpTupleSubclass)) && type.itemsize > 0 && type.itemsize < 8)
    all = bit(Subject::kSmallItems);
  if (type.flags & kTpDictSubclass) all |= bit(Subject::kDict);
  if (type.body == TraverseRule::kSet) all |= bit(Subject::kSet);
  if (type.body != TraverseRule::kModule && !(type.flags & kTpTypeSubclass) &&
      (type.resolution == Resolution::kUnknown || type.words_end))
    all |= bit(Subject::kUnknown);
  return static_cast<std::uint16_t>(all);
}

std::uint32_t rules_of(std::uint16_t subjects) {
  std::uint32_t all = 0;
  for (std::size_t i = 0; i < std::size(kRules); ++i)
    if (subjects & static_cast<std::uint16_t>(kRules[i].of)) all |= 1u << i;
  return all;
}

std::uint8_t named_by(const TypeInfo& type) {
  const auto bit = [](NamedBy n) { return static_cast<std::uint8_t>(n); };
  static constexpr std::string_view kDescriptors[] = {
      "builtins.method_descriptor", "builtins.getset_descriptor", "builtins.wrapper_descriptor",
      "builtins.member_descriptor", "builtins.classmethod_descriptor"};
  static constexpr std::string_view kGenerators[] = {"builtins.generator", "builtins.coroutine",
                                                     "builtins.async_generator"};
  const auto is_one_of = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), type.name) != std::end(names);
  };
  if (type.flags & kTpTypeSubclass) return bit(NamedBy::kClass);
  if (type.body == TraverseRule::kModule) return bit(NamedBy::kModule);
  if (type.name == "builtins.function") return bit(NamedBy::kFunction);
  if (type.name == "builtins.code") return bit(NamedBy::kCode);
  if (type.body == TraverseRule::kGenerator || is_one_of(kGenerators)) return bit(NamedBy::kGenerator);
  return is_one_of(kDescriptors) ? bit(NamedBy::kDescriptor) : std::uint8_t{0};
}

}  // namespace heapglass
