// A moment at which the target's memory is worth taking.
#pragma once

#include <chrono>
#include <vector>

#include "lib/base/address.h"

namespace heapglass {

struct SafePoint {
  std::vector<Address> zero;  // ints of the target, none of which is anything but 0 at a good moment
  std::chrono::milliseconds budget{1000};  // of waiting for one; then any moment will do
};

}  // namespace heapglass
