// What frames, running and suspended, refer to.
#include <span>

#include "lib/python/greenlet_frames.h"
#include "lib/python/references.h"
#include "lib/python/words.h"

namespace heapglass {

void References::visit_interpreter_frame(Address frame, EdgeSink& sink, Executing executing) const {
  const auto& l = layout_.PyInterpreterFrame;
  const bool tagged = objects_.python().rules.tagged_stack_refs;
  static const FieldName kFrame{"frame_obj"}, kLocals{"f_locals"}, kFunc{"f_func"}, kCode{"f_code"};
  // A _PyStackRef (3.14+): the low bits tell whether it holds a count; 3 is a tagged int, 1 alone is NULL.
  auto untag = [&](std::uint64_t w) -> Address {
    if (!tagged) return Address{w};
    if ((w & 3) >= 2) return Address{};
    return Address{w & ~std::uint64_t{3}};
  };
  auto field = [&](std::int32_t offset, const FieldName& name, bool reference) {
    const Address a = objects_.pointer(frame, offset);
    sink.add(reference ? untag(value(a)) : a, EdgeKind::kField, reinterpret_cast<std::uint64_t>(&name),
             EdgeClass::kVisited);
  };
  field(l.frame_obj, kFrame, false);
  field(l.f_locals, kLocals, false);
  field(l.f_func, kFunc, true);
  field(l.f_code, kCode, true);
  const Address code = untag(value(objects_.pointer(frame, l.f_code)));
  std::int64_t top = 0;
  if (l.stacktop != kAbsent) {
    top = objects_.load<std::int32_t>(frame, l.stacktop)
              .value_or(0);  // -1: executing, the depth is in a register
  } else {
    const Address pointer = objects_.pointer(frame, l.stackpointer);  // NULL: executing
    const Address first = at(frame, l.localsplus);
    if (!is_null(pointer)) {
      if (value(pointer) < value(first)) return health_.skip(Skip::kImplausibleSize, frame);
      top = static_cast<std::int64_t>((pointer - first) / 8);
    }
  }
  const std::int64_t locals =
      objects_.load<std::int32_t>(code, layout_.PyCodeObject.co_nlocalsplus).value_or(0);
  if (top <= 0 && executing == Executing::kLocals) top = locals;
  if (top <= 0) return;
  if (top > 1 << 24) return health_.skip(Skip::kImplausibleSize, frame);
  const Address names = objects_.pointer(code, layout_.PyCodeObject.co_localsplusnames);
  const std::byte* slots = objects_.image().at(at(frame, l.localsplus), static_cast<std::uint64_t>(top) * 8);
  if (!slots) return health_.skip(Skip::kUnreadable, frame);
  const std::int64_t name_count = is_null(names) ? 0 : objects_.ob_size(names);
  for (std::int64_t i = 0; i < top; ++i) {
    const Address referent = untag(word_at(slots, static_cast<std::uint64_t>(i)));
    if (i < locals && i < name_count) {
      const Address name =
          objects_.pointer(names, layout_.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i));
      sink.add(referent, EdgeKind::kLocal, value(name), EdgeClass::kVisited);
    } else {
      sink.add(referent, EdgeKind::kStack, static_cast<std::uint64_t>(i - locals), EdgeClass::kVisited);
    }
  }
}

void References::old_frame(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PyFrameObject;
  static const FieldName kBack{"f_back"}, kTrace{"f_trace"}, kCode{"f_code"}, kBuiltins{"f_builtins"},
      kGlobals{"f_globals"}, kLocals{"f_locals"};
  auto field = [&](std::int32_t offset, const FieldName& name) {
    sink.add(objects_.pointer(object, offset), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&name),
             EdgeClass::kVisited);
  };
  field(l.f_back, kBack);
  field(l.f_code, kCode);
  field(l.f_builtins, kBuiltins);
  field(l.f_globals, kGlobals);
  field(l.f_locals, kLocals);
  field(l.f_trace, kTrace);
  const Address code = objects_.pointer(object, l.f_code);
  const auto& c = layout_.PyCodeObject;
  auto length = [&](Address tuple) { return is_null(tuple) ? std::int64_t{0} : objects_.ob_size(tuple); };
  const Address groups[] = {objects_.pointer(code, c.co_varnames), objects_.pointer(code, c.co_cellvars),
                            objects_.pointer(code, c.co_freevars)};
  const std::int64_t locals = objects_.load<std::int32_t>(code, c.co_nlocals).value_or(0);
  const std::int64_t counts[] = {locals, length(groups[1]), length(groups[2])};
  // The frame's own size has room for all of them and the stack, whatever its code has come to say.
  const std::int64_t room = objects_.ob_size(object);
  std::int64_t slot = 0;
  const Address first = at(object, l.f_localsplus);
  for (std::size_t g = 0; g < 3; ++g) {
    if (counts[g] < 0 || counts[g] > room - slot) return health_.skip(Skip::kImplausibleSize, object);
    const std::byte* slots = objects_.image().at(first + static_cast<std::uint64_t>(slot) * 8,
                                                 static_cast<std::uint64_t>(counts[g]) * 8);
    if (!slots && counts[g]) return health_.skip(Skip::kUnreadable, object);
    const std::int64_t names = length(groups[g]);
    for (std::int64_t i = 0; i < counts[g]; ++i) {
      const Address name =
          i < names
              ? objects_.pointer(groups[g], layout_.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i))
              : Address{};
      sink.add(Address{word_at(slots, static_cast<std::uint64_t>(i))}, EdgeKind::kLocal, value(name),
               EdgeClass::kVisited);
    }
    slot += counts[g];
  }
  // The value stack lies behind; how deep it is a running frame does not tell.
  const Address stack = objects_.pointer(object, l.f_valuestack);
  std::int64_t depth = 0;
  if (l.f_stackdepth != kAbsent) {
    depth = objects_.load<std::int32_t>(object, l.f_stackdepth).value_or(0);
  } else if (const Address top = objects_.pointer(object, l.f_stacktop); !is_null(top)) {
    depth = value(top) >= value(stack) ? static_cast<std::int64_t>((top - stack) / 8) : -1;
  }
  if (depth <= 0) return;
  if (depth > room) return health_.skip(Skip::kImplausibleSize, object);
  pointers(stack, static_cast<std::uint64_t>(depth), EdgeKind::kStack, sink, object);
}

void References::frame_object(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PyFrameObject;
  if (l.f_frame == kAbsent) return old_frame(object, sink);
  static const FieldName kBack{"f_back"}, kTrace{"f_trace"}, kExtra{"f_extra_locals"},
      kCache{"f_locals_cache"}, kOverwritten{"f_overwritten_fast_locals"};
  auto field = [&](std::int32_t offset, const FieldName& name) {
    sink.add(objects_.pointer(object, offset), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&name),
             EdgeClass::kVisited);
  };
  field(l.f_back, kBack);
  field(l.f_trace, kTrace);
  field(l.f_extra_locals, kExtra);
  field(l.f_locals_cache, kCache);
  field(l.f_overwritten_fast_locals, kOverwritten);
  const Address frame = objects_.pointer(object, l.f_frame);
  constexpr std::uint8_t kOwnedByFrameObject = 2;  // FRAME_OWNED_BY_FRAME_OBJECT, pycore_frame.h
  const auto owner = objects_.load<std::uint8_t>(frame, layout_.PyInterpreterFrame.owner);
  if (owner == kOwnedByFrameObject) visit_interpreter_frame(frame, sink);
}

void References::generator(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PyGenObject;
  if (l.gi_iframe == kAbsent) return;  // to 3.10 the frame is an object of its own, and a field
  const VersionTraits& rules = objects_.python().rules;
  const auto state = objects_.load<std::int8_t>(object, l.gi_frame_state);
  if (!state) return health_.skip(Skip::kUnreadable, object);
  const bool cleared =
      rules.gen_cleared_at_or_above ? *state >= rules.gen_frame_cleared : *state == rules.gen_frame_cleared;
  const Address frame = at(object, l.gi_iframe);
  if (!cleared) {
    visit_interpreter_frame(frame, sink);
  } else if (rules.gen_keeps_code) {
    static const FieldName kCode{"f_code"};
    const std::uint64_t code = value(objects_.pointer(frame, layout_.PyInterpreterFrame.f_code));
    sink.add(Address{code & ~std::uint64_t{3}}, EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kCode),
             EdgeClass::kVisited);
  }
}

namespace {

// What tp_traverse does not tell.
class AsOwned final : public EdgeSink {
 public:
  explicit AsOwned(EdgeSink& sink) : sink_(sink) {}

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (const Edge& edge : std::span(edges, count))
      sink_.add(edge.referent, edge.kind, edge.payload, EdgeClass::kOwned);
  }
  EdgeSink& sink_;
};

}  // namespace

// The frame on top has called C code: how deep its stack of values is stands in a register that is gone.
// To 3.10 the frame on top refers to all that called it. From 3.11 on frames stand
// in chunks of the greenlet's own, and frame objects of frames that are not over refer to nothing.
void References::greenlet(Address object, EdgeSink& sink) const {
  constexpr int kMostFrames = 100'000;
  const auto& l = layout_.PyInterpreterFrame;
  if (types_.greenlet_frame() == kAbsent) return;
  const Address top = GreenletFrames(types_).at(object, types_.greenlet_frame());
  if (is_null(top)) return;
  static const FieldName kTop{"gr_frame"};
  sink.add(top, EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kTop), EdgeClass::kOwned);
  if (layout_.PyFrameObject.f_frame == kAbsent) return;
  AsOwned owned(sink);
  const std::uint8_t shim = objects_.python().rules.shim_owner;
  Address frame = objects_.pointer(top, layout_.PyFrameObject.f_frame), code_type{};
  for (int i = 0; i < kMostFrames && !is_null(frame) && !sink.full(); ++i) {
    const std::uint64_t word = value(objects_.pointer(frame, l.f_code));
    const Address code{objects_.python().rules.tagged_stack_refs ? word & ~std::uint64_t{3} : word};
    // The first is a frame for sure; what C code made on its own stack may have been moved away with it.
    if (i == 0) code_type = objects_.type_of(code);
    if (is_null(code_type) || objects_.type_of(code) != code_type) break;
    const auto owner = objects_.load<std::uint8_t>(frame, l.owner).value_or(0);
    if (shim == 0 || owner < shim) visit_interpreter_frame(frame, owned, Executing::kLocals);
    frame = objects_.pointer(frame, l.previous);
  }
  owned.drain();
}

}  // namespace heapglass
