// The figures of running the target's code, by their names in the file.
#pragma once

#include <cstdint>
#include <utility>

#include "lib/target/traverse_stats.h"

namespace heapglass {

inline constexpr std::pair<const char*, std::uint64_t TraverseStats::*> kSavedTraverseStats[] = {
    {"ran.objects", &TraverseStats::objects},    {"ran.referents", &TraverseStats::referents},
    {"ran.faults", &TraverseStats::faults},      {"ran.timeouts", &TraverseStats::timeouts},
    {"ran.deaths", &TraverseStats::deaths},      {"ran.retried", &TraverseStats::retried},
    {"ran.not_asked", &TraverseStats::not_asked}};

}  // namespace heapglass
