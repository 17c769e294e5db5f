// What an administrator writes, and what a disk makes of guard's state: either is taken or refused with a
// line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/guard/ledger.h"
#include "lib/guard/rules.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_line(const heapglass::Error& error) {
  const std::string line = error.what() + error.hint();
  require(!line.empty());
  for (const char c : line) require(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const GuardRules rules = parse_guard_rules(text, "rules");
    require(!rules.folder.empty() && !rules.rules.empty() && rules.at_once >= 1);
    for (const GuardRule& each : rules.rules)
      require(!each.name.empty() && (!each.triggers.empty() || each.record.count() > 0));
  } catch (const Error& error) {
    check_line(error);
  }
  try {
    const Ledger ledger = Ledger::parse(text, "b", "state");
    require(Ledger::parse(ledger.text(), "b", "state").text() == ledger.text());
    for (const Ledger::File& each : ledger.files())
      require(each.name.find('/') == std::string::npos && each.name[0] != '.');
  } catch (const Error& error) {
    check_line(error);
  }
  return 0;
}
