// One sentence on what a memory bill comes to.
#pragma once

#include <cstdint>
#include <string>

namespace heapglass {

struct MemoryBill;

// Behind the name of a library, in the row of what it has mapped for itself.
constexpr const char* kOwnPool = ", a pool of its own, used or free";

// In front of a file's path, of what the process has written of it and keeps for itself.
constexpr const char* kWrittenOf = "written pages of a private mapping of ";

std::string in_megabytes(std::uint64_t bytes);  // "1,204 MB", "0.4 MB"

// Sets verdict and verdict_text by the rows. `allocator` stands in malloc's place and does not tell what of
// its memory is free; empty where there is none such. `written_code`: bytes of the code and libraries that
// the process or its loader has written, and no file has.
void judge(MemoryBill& bill, const std::string& allocator, std::uint64_t written_code = 0);

}  // namespace heapglass
