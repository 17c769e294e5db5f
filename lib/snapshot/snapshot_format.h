// The frame of a snapshot file: what stands at its ends. FORMAT.md is the whole description.
#pragma once

#include <array>
#include <cstdint>

namespace heapglass {

// As in PNG: a byte that is no text, the name, and line ends that a transfer as text would change.
constexpr std::array<unsigned char, 8> kSnapshotMagic = {0x89, 'H', 'G', 'S', '\r', '\n', 0x1a, '\n'};
constexpr std::array<unsigned char, 4> kSnapshotEnd = {'H', 'G', 'S', 'E'};
constexpr std::uint16_t kSnapshotMajor = 1;  // a reader refuses another
constexpr std::uint16_t kSnapshotMinor = 2;  // more sections, which a reader may pass over
constexpr std::size_t kSnapshotHeaderBytes = 16;
constexpr std::size_t kSnapshotTrailerBytes = 32;

}  // namespace heapglass
