#include "lib/threads/greenlets.h"

#include <unordered_map>

#include "lib/python/collector_lists.h"
#include "lib/python/frame_chains.h"

namespace heapglass {
namespace {

// Of a suspended greenlet `gr_frame` is the one frame object in its state, and of others there is none. That
// state is a C++ object behind the fifth and last word of the object
// (PyGreenlet.pimpl of greenlet.h, PythonState::_top_frame of TGreenlet.hpp). Where in it depends on the
// versions of greenlet and of Python: it is the first place at which any greenlet has a frame, for behind the
// state of one may lie that of another.
constexpr std::int32_t kState = 32;
constexpr std::int32_t kStateBytes = 320;

class TopFrames {
 public:
  explicit TopFrames(TypeTable& types) : types_(types), o_(types.objects()) {}

  void learn(Address greenlet) {
    const Address state = o_.pointer(greenlet, kState);
    if (is_null(state)) return;
    for (std::int32_t at = 0; at < place_; at += 8)
      if (is_frame(o_.pointer(state, at))) place_ = at;
  }
  // Null: it has not begun, has ended, or runs.
  Address of(Address greenlet) const {
    const Address state = o_.pointer(greenlet, kState);
    if (is_null(state) || place_ >= kStateBytes) return {};
    const Address frame = o_.pointer(state, place_);
    return is_frame(frame) ? frame : Address{};
  }

 private:
  bool is_frame(Address a) const {
    if (is_null(a) || value(a) % 8) return false;
    const Address type = o_.type_of(a);
    if (is_null(type) || value(type) % 8) return false;
    if (!is_null(frame_type_)) return type == frame_type_;
    const TypeInfo* info = types_.get(type);
    if (!info || info->name != "builtins.frame") return false;
    frame_type_ = type;
    return true;
  }

  TypeTable& types_;
  const Objects& o_;
  std::int32_t place_ = kStateBytes;
  mutable Address frame_type_{};
};

// Before 2.0 the state was the object's own struct, which is larger: of that nothing is told.
bool has_state_behind(TypeTable& types, Address type) {
  const Objects& o = types.objects();
  constexpr int kMostBases = 100;
  for (int i = 0; i < kMostBases && !is_null(type); ++i) {
    const TypeInfo* info = types.get(type);
    if (info && info->name == "greenlet.greenlet") return info->basicsize == kState + 8;
    type = o.pointer(type, o.layout().PyTypeObject.tp_base);
  }
  return false;
}

}  // namespace

std::vector<SuspendedGreenlet> find_greenlets(TypeTable& types, const ObjectView& values,
                                              const std::vector<PyInterpreter>& interpreters,
                                              const Limits& limits, ReadErrors& health) {
  const Objects& o = types.objects();
  TopFrames top_frames(types);
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
          if (is_new)
            at->second = values.is_instance(object, "greenlet.greenlet") && has_state_behind(types, type);
          if (!at->second) return;
          top_frames.learn(object);
          greenlets.push_back(object);
        },
        health);
  }
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
