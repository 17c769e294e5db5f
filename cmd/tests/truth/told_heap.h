// What a file tells of a heap: the truth of testdata/programs/truth.py, or what heapglass exported.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace heapglass::truth {

// The file is not what it claims to be, or ends early.
struct Unusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One number for each name of a type, in all files that are compared.
class TypeNames {
 public:
  std::uint32_t number_of(const std::string& name) {
    const auto [at, fresh] = numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (fresh) names_.push_back(name);
    return at->second;
  }
  // UTF-8, but that surrogates are written as they are.
  const std::string& name(std::uint32_t number) const { return names_[number]; }
  std::size_t size() const { return names_.size(); }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

struct ToldObject {
  std::uint64_t id = 0;
  std::uint32_t type = 0;
  bool tracked = false;
  bool references_known = true;
  std::optional<std::int64_t> size, refcount;  // empty: not known, or immortal
  std::uint64_t first_reference = 0, references = 0;
};

struct ToldHeap {
  std::string python;  // its version
  std::vector<ToldObject> objects;
  std::vector<std::uint64_t> references;
  std::vector<std::uint64_t> ours;  // what belongs to the measurement and not to the program

  std::span<const std::uint64_t> references_of(const ToldObject& object) const {
    return std::span(references).subspan(object.first_reference, object.references);
  }
};

// Of either kind of file. `guesses`: guessed references of an export are taken for references.
ToldHeap read_told_heap(const std::string& path, TypeNames& types, bool guesses);

}  // namespace heapglass::truth
