#include "lib/python/generators.h"

namespace heapglass {

GeneratorState read_generator_state(const Objects& objects, Address generator) {
  const PyLayout& l = objects.layout();
  const VersionTraits& rules = objects.python().rules;
  if (rules.frames == Frames::kObjects) {
    const Address frame = objects.pointer(generator, l.PyGenObject.gi_frame);
    if (is_null(frame)) return GeneratorState::kFinished;
    // The index of the last instruction that was begun, in bytes; in instructions in 3.10. None yet: -1.
    const auto lasti = objects.load<std::int32_t>(frame, l.PyFrameObject.f_lasti);
    if (!lasti) return GeneratorState::kUnknown;
    return *lasti < 0 ? GeneratorState::kCreated : GeneratorState::kSuspended;
  }
  const auto state = objects.load<std::int8_t>(generator, l.PyGenObject.gi_frame_state);
  if (!state) return GeneratorState::kUnknown;
  // FRAME_CREATED comes before all others, of which FRAME_SUSPENDED_YIELD_FROM made one more in 3.13.
  const bool from_zero = rules.gen_frame_cleared == 5;
  if (*state == (from_zero ? 0 : rules.gen_yield_from_state == -1 ? -3 : -2)) return GeneratorState::kCreated;
  // FRAME_COMPLETED, 1 to 3.14, is between the two for an instant only.
  const int finished = rules.gen_frame_cleared == 4 ? 1 : rules.gen_frame_cleared;
  return *state >= finished ? GeneratorState::kFinished : GeneratorState::kSuspended;
}

bool is_generator_type(std::string_view type_name) {
  return type_name == "builtins.generator" || type_name == "builtins.coroutine" ||
         type_name == "builtins.async_generator";
}

}  // namespace heapglass
