#include "lib/target/freeze.h"

#include "lib/base/choices.h"
#include "lib/base/error.h"
#include "lib/target/freeze_modes.h"

namespace heapglass {
namespace {

struct Mode {
  FreezeMode mode;
  std::string_view name, does;
};
// The only list of modes: what is accepted, what is told and what the help says.
constexpr Mode kModes[] = {
    {FreezeMode::kCopy, "copy", "stopped for as long as copying takes (default)"},
    {FreezeMode::kPrecopy, "precopy", "copied while it runs, stopped for what it wrote meanwhile"},
    {FreezeMode::kFork, "fork", "stopped while it makes a child that is a copy of it, which is read"},
    {FreezeMode::kNone, "none", "not stopped, so that what changes meanwhile is torn: left out, and counted"},
    {FreezeMode::kAuto, "auto", "the mode with the shortest estimated pause that is safe here"},
};

}  // namespace

FreezeMode parse_freeze_mode(const std::string& name) {
  for (const Mode& m : kModes)
    if (m.name == name) return m.mode;
  throw invalid_choice("--freeze", name, freeze_modes());
}

std::vector<std::string_view> freeze_modes() {
  std::vector<std::string_view> names;
  for (const Mode& m : kModes) names.push_back(m.name);
  return names;
}

std::string_view name_of(FreezeMode mode) {
  for (const Mode& m : kModes)
    if (m.mode == mode) return m.name;
  return "";
}

std::string freeze_help() {
  std::string text;
  for (const Mode& m : kModes)
    text += (text.empty() ? "" : "; ") + std::string(m.name) + ": " + std::string(m.does);
  return text;
}

}  // namespace heapglass
