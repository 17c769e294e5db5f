// How the program ends when it cannot go on: one line, and an exit code that tells a fault of the target, of
// the command line or of the host from a fault of heapglass.
#pragma once

#include <exception>

namespace heapglass {

constexpr int kExitInternal = 70;  // as EX_SOFTWARE of sysexits.h: a fault of heapglass

// "0.2.0, commit 1a2b3c4": the second part where it was built from a checkout.
const char* version_and_commit();

// Says on the standard error what happened, in one line and the Error's detail; the exit code.
int report_failure(const std::exception_ptr& failure);

// An exception that nothing catches, and signals that only a fault of ours sends, say so in one line, remove
// unfinished files, and end the program as they would have.
void report_crashes();

// Has the C library load what it needs to unwind its own frames. It does so when the first exception passes
// one of them (std::call_once, std::async), and aborts the program where there is no memory for that, as when
// this exception is std::bad_alloc. Called at the start, before limits of memory or of system calls matter.
void load_unwinder();

}  // namespace heapglass
