// What a snapshot has of the bytes of objects: stated once, as tables, which whoever hides, cuts and tests
// executes. docs/design/snapshot-format.md has the first of them in words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/python/types.h"

namespace heapglass {

// Whose bytes a rule is of: a bit each, for an object may be of several.
enum class Subject : std::uint16_t {
  kText = 1 << 0,  // str and what is derived from it, as below
  kBytes = 1 << 1,
  kInt = 1 << 2,          // bool too
  kIntWithDict = 1 << 3,  // to 3.11, of a class of ints: its dict hangs behind the digits
  kFloat = 1 << 4,
  kByteArray = 1 << 5,
  kCode = 1 << 6,
  kSmallItems = 1 << 7,  // others whose items are smaller than a pointer, and so no references
  kDict = 1 << 8,
  kSet = 1 << 9,       // frozenset too
  kUnknown = 1 << 10,  // whose struct, or a part of it, nobody has described
  kComplex = 1 << 11
};

enum class Part : std::uint8_t {
  kTextHead,     // of a str behind its length: hash, state, where copies of it are
  kCharacters,   // behind the head, or in blocks of their own
  kBytesHash,    // between the length and the first byte
  kContents,     // of bytes, with the 0 at their end
  kIntSize,      // sign and number of digits
  kDigits,       // of an int
  kNumber,       // of a float or complex
  kBuffer,       // of a bytearray
  kItems,        // what stands behind the struct
  kKeyHashes,    // in a table of keys, a word each
  kOpaqueWords,  // behind the head of an object of unknown make
};

enum class Fate : std::uint8_t {
  kKept,       // as in the process, as far as an answer reads them
  kBeginning,  // the first bytes, as many as --cut-values says; the others are not there to be read
  kAddresses,  // words that are the address of an object; 0 in place of others
  kCount,      // the number without its sign
  kZero,       // 0 in their place
  kHidden,     // not there to be read
};

// Which of such objects are no values of the program's, so that they are kept for all that `redacted` says.
enum class Exempt : std::uint8_t {
  kNone,
  kNames,          // texts where name_rules() or an edge says that they are a name
  kCodeTables,     // bytes where name_rules() says that they are a table of code
  kThreadNumbers,  // ints that are the number of a thread
  // The same, and the number of a struct sequence's fields: without its sign and length, for a small int is
  // one object, which the program's values share.
  kKnownNumbers,
};

struct ContentRule {
  Subject of{};
  Part part{};
  Fate cut{};       // with --cut-values
  Fate redacted{};  // with --no-values and --hash-values
  Exempt exempt{};
  std::string_view whose, bytes, why;  // in words
};

// Of bytes that no rule is of, what answers read is kept: heads, counts, references, and the C structures
// that lead to objects. With values and without --cut-values pages are kept, and no rule is asked.
std::span<const ContentRule> content_rules();

// Joined by |.
std::uint16_t subjects_of(TypeTable& types, const TypeInfo& type);
// A bit for each rule, by its place in content_rules().
std::uint32_t rules_of(std::uint16_t subjects);

// Objects whose fields lead to names, or to tables of code: a bit each.
enum class NamedBy : std::uint8_t {
  kFunction = 1 << 0,
  kCode = 1 << 1,
  kGenerator = 1 << 2,  // coroutines too
  kDescriptor = 1 << 3,
  kClass = 1 << 4,
  kModule = 1 << 5
};

struct NameRule {
  NamedBy of{};
  std::string_view field;
  std::int32_t (*offset)(const Objects&){};  // of the field; kAbsent in versions that have none
  Exempt as{};
};

// The names that stand in fields. Beside them: names that edges tell, keys of namespaces, and the values
// under __name__ and __module__ in those of modules and classes.
std::span<const NameRule> name_rules();
std::uint8_t named_by(const TypeInfo& type);

}  // namespace heapglass
