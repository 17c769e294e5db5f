// Pieces of bytes on a pipe: the length in eight bytes, then as many.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heapglass {

constexpr std::uint64_t kLongestQuestion = 64 << 10, kLongestAnswer = std::uint64_t{1} << 30;  // bytes

// False where nobody reads the pipe any more.
bool write_frame(int pipe, std::string_view bytes);
// nullopt where nobody writes to it any more, or what comes is longer than `most`.
std::optional<std::string> read_frame(int pipe, std::uint64_t most);

}  // namespace heapglass
