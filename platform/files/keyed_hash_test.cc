#include "platform/files/keyed_hash.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

// The example in the appendix of the article that describes SipHash.
TEST(KeyedHash, IsSipHash24) {
  HashKey key;
  std::string bytes;
  for (std::uint8_t i = 0; i < 16; ++i) key[i] = i;
  for (char i = 0; i < 15; ++i) bytes.push_back(i);
  EXPECT_EQ(keyed_hash(key, bytes), 0xa129ca6149be45e5);
  ++key[0];
  EXPECT_NE(keyed_hash(key, bytes), 0xa129ca6149be45e5);
}

}  // namespace
}  // namespace heapglass
