// Numbers for people.
#pragma once

#include <cstdint>
#include <string>

namespace heapglass {

std::string grouped(std::uint64_t number);        // 12,345,678
std::string grouped(std::int64_t number);         // -12,345,678
std::string human_bytes(std::uint64_t bytes);     // 512 B, 1.23 kB, 45.6 MB: three digits, powers of 1000
std::string signed_count(std::int64_t number);    // +12,345
std::string signed_bytes(std::int64_t bytes);     // -45.6 MB
std::string human_percent(double ratio);          // 12.3 %
std::string human_milliseconds(double duration);  // 0.71 ms, 1.25 s, 3 min 20 s
std::string plain(
    double number);  // whole ones in full, else the shortest that reads back equal; "null" when not finite

}  // namespace heapglass
