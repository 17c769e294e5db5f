// Whether this is compiled with AddressSanitizer, which ends a program in its own way: for tests. GCC says it
// by a macro, clang by a feature.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAPGLASS_UNDER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define HEAPGLASS_UNDER_ASAN 1
#endif
#ifndef HEAPGLASS_UNDER_ASAN
#define HEAPGLASS_UNDER_ASAN 0
#endif
