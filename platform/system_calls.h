// System calls by number: what a thread that stands in one waits for.
#pragma once

#include <cstdint>
#include <string>

#include "lib/target/capture.h"

namespace heapglass {

// Its name where it is one that threads wait in, "system call 123" else; empty below 0, which stands for
// none.
std::string system_call_name(long number);

// Fills in what a thread in call `number`, whose first argument is `argument`, waits for.
void set_system_call(ThreadRegisters& thread, long number, std::uint64_t argument);

}  // namespace heapglass
