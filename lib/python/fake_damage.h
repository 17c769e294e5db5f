// Damage to the words of a fake heap, and its undoing.
#pragma once

#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "lib/python/fake_heap.h"

namespace heapglass {

// Six bytes a change: which word, what is done to it, with what. What the bytes mean is settled by what the
// heap has: any bytes are a way of damaging any heap.
class Damage {
 public:
  static constexpr std::size_t kBytesAChange = 6;
  static constexpr std::size_t kMostChanges = 64;

  Damage(FakeHeap& heap, std::span<const std::uint8_t> bytes) : heap_(heap) {
    for (; bytes.size() >= kBytesAChange && undo_.size() < kMostChanges; bytes = bytes.subspan(kBytesAChange))
      change(bytes[0] | bytes[1] << 8, bytes[2], bytes[3],
             static_cast<std::uint16_t>(bytes[4] | bytes[5] << 8));
  }
  ~Damage() {
    for (auto u = undo_.rbegin(); u != undo_.rend(); ++u) std::memcpy(heap_.at(u->first), &u->second, 8);
  }
  Damage(const Damage&) = delete;
  Damage& operator=(const Damage&) = delete;

 private:
  Address word(std::uint64_t n) const { return heap_.words[n % heap_.words.size()]; }
  Address object(std::uint64_t n) const { return heap_.objects[n % heap_.objects.size()]; }
  void change(std::uint64_t which, unsigned how, unsigned small, std::uint16_t large) {
    static constexpr std::uint64_t kTelling[] = {
        0,          1,          2,          3,          ~0ull,      ~1ull,      1ull << 63, ~0ull >> 1,
        1ull << 31, ~0u,        ~0u >> 1,   1ull << 20, 1ull << 24, 1ull << 26, 1ull << 32, 1ull << 40,
        1ull << 44, 1ull << 46, 1ull << 47, 1ull << 60, 1ull << 61, 0xff,       0xffff,     100'000};
    const Address at = word(which);
    std::uint64_t w;
    std::memcpy(&w, heap_.at(at), 8);
    undo_.emplace_back(at, w);
    const unsigned byte = (small & 7) * 8;
    switch (how % 12) {
      case 0:
        w ^= std::uint64_t{1} << (small & 63);
        break;
      case 1:
        w = value(object(large));
        break;
      case 2:
        w = kTelling[large % std::size(kTelling)] + (small & 3) - 1;
        break;
      case 3:
        w += static_cast<std::uint64_t>(std::int64_t{static_cast<std::int16_t>(large)});
        break;
      case 4:
        w = value(at) - (small & 15) * 8;  // itself, or the object around it
        break;
      case 5:
        w = (w & ~std::uint64_t{0xffffffff}) | (kTelling[large % std::size(kTelling)] & 0xffffffff);
        break;
      case 6:
        w = (w & ~(std::uint64_t{0xff} << byte)) | std::uint64_t{large & 0xffu} << byte;
        break;
      case 7:
        std::memcpy(&w, heap_.at(word(large)), 8);
        break;
      case 8:
        w = value(word(large)) + (small & 15);
        break;
      case 9: {  // near the end of what is readable
        const std::uint64_t end = value(FakeHeap::kStart) + heap_.memory().size();
        w = end - small * 8;
        break;
      }
      case 10:
        w = large;
        break;
      default:
        w = value(object(large)) | (small & 3);
        break;
    }
    std::memcpy(heap_.at(at), &w, 8);
  }

  FakeHeap& heap_;
  std::vector<std::pair<Address, std::uint64_t>> undo_;
};

}  // namespace heapglass
