#include "platform/files/keyed_hash.h"

#include <llvm/ADT/ArrayRef.h>
#include <llvm/Support/SipHash.h>

#include <cstring>

namespace heapglass {

std::uint64_t keyed_hash(const HashKey& key, std::string_view bytes) {
  std::uint8_t raw_key[16], out[8];
  std::memcpy(raw_key, key.data(), sizeof raw_key);
  llvm::getSipHash_2_4_64({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, raw_key, out);
  std::uint64_t hash;
  std::memcpy(&hash, out, sizeof hash);
  return hash;
}

}  // namespace heapglass
