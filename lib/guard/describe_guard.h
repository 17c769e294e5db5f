// What rules watch now, and how it is waited for: `guard --check`. Nothing is written, and nothing waited
// for.
#pragma once

#include "lib/guard/rules.h"
#include "lib/render/report.h"

namespace heapglass {

Document describe_guard(const GuardRules& rules);

}  // namespace heapglass
