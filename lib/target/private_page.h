// Pages that one process of a family has to itself, beside those of the process that it was forked from.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "lib/base/address.h"
#include "lib/base/page.h"

namespace heapglass {

enum class PageOrigin : std::uint8_t {
  kNew,          // the master has no page there, or none but zeros
  kCompared,     // it has one: `words` are known
  kNotCompared,  // its page is in swap, or could not be read
};

struct PrivatePage {
  static constexpr std::size_t kWords = kPage / 8;

  Address start{};
  PageOrigin origin = PageOrigin::kNew;
  std::bitset<kWords> words;  // those of 8 bytes that are not as in the master's page at this address
};

using PrivatePages = std::vector<PrivatePage>;  // in order of address

}  // namespace heapglass
