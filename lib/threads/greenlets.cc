#include "lib/threads/greenlets.h"

#include "lib/python/frame_chains.h"
#include "lib/python/greenlet_frames.h"

namespace heapglass {
std::vector<SuspendedGreenlet> find_greenlets(TypeTable& types,
                                              const std::vector<PyInterpreter>& interpreters,
                                              const Limits& limits, ReadErrors& health) {
  const Objects& o = types.objects();
  const std::vector<Address> greenlets = tracked_greenlets(types, interpreters, health);
  GreenletFrames top_frames(types);
  for (const Address each : greenlets) top_frames.learn(each);
  std::vector<SuspendedGreenlet> found;
  for (const Address each : greenlets) {
    const Address frame = top_frames.of(each);
    if (is_null(frame)) continue;
    SuspendedGreenlet greenlet{.object = each, .type = types.get(o.type_of(each))->name};
    greenlet.frames = read_frame_chain(o, frame, limits);
    if (!greenlet.frames.empty()) found.push_back(std::move(greenlet));
  }
  return found;
}

}  // namespace heapglass
