#include "lib/python/greenlet_frames.h"

#include <unordered_map>

#include "lib/python/collector_lists.h"

namespace heapglass {
namespace {

constexpr std::int32_t kState = 32;
constexpr std::int32_t kStateBytes = 320;

}  // namespace

void GreenletFrames::learn(Address greenlet) {
  const Address state = o_.pointer(greenlet, kState);
  if (is_null(state)) return;
  const std::int32_t end = place_ == kAbsent ? kStateBytes : place_;
  for (std::int32_t place = 0; place < end; place += 8)
    if (is_frame(o_.pointer(state, place))) {
      place_ = place;
      return;
    }
}

Address GreenletFrames::at(Address greenlet, std::int32_t place) const {
  const Address state = o_.pointer(greenlet, kState);
  if (is_null(state) || place < 0 || place >= kStateBytes) return {};
  const Address frame = o_.pointer(state, place);
  return is_frame(frame) ? frame : Address{};
}

bool GreenletFrames::is_frame(Address a) const {
  if (is_null(a) || value(a) % 8) return false;
  const Address type = o_.type_of(a);
  if (is_null(type) || value(type) % 8) return false;
  if (!is_null(frame_type_)) return type == frame_type_;
  const TypeInfo* const info = types_.get(type);
  if (!info || info->name != "builtins.frame") return false;
  frame_type_ = type;
  return true;
}

std::vector<Address> tracked_greenlets(TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                                       ReadErrors& health) {
  const Objects& o = types.objects();
  std::unordered_map<std::uint64_t, bool> is_greenlet;  // by type
  std::vector<Address> greenlets;
  for (const PyInterpreter& interpreter : interpreters) {
    if (is_null(o.item(o.pointer(interpreter.state, o.layout().PyInterpreterState.modules), "greenlet")))
      continue;
    each_tracked(
        o, interpreter,
        [&](Address object) {
          const Address type = o.type_of(object);
          const auto [at, is_new] = is_greenlet.try_emplace(value(type), false);
          if (is_new) {
            const TypeInfo* const info = types.get(type);
            at->second = info && info->is_greenlet;
          }
          if (at->second) greenlets.push_back(object);
        },
        health);
  }
  return greenlets;
}

}  // namespace heapglass
