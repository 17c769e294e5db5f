// References of objects whose tp_traverse nobody has described: guessed.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <span>

#include "lib/python/references.h"

namespace heapglass {
namespace {

std::uint64_t word_at(const std::byte* p, std::int64_t offset) {
  std::uint64_t w;
  std::memcpy(&w, p + offset, 8);
  return w;
}

constexpr std::uint64_t kMostBases = 100;

// What a described ancestor tells of an object whose own tp_traverse nobody knows: likely, not sure.
class GuessingSink final : public EdgeSink {
 public:
  explicit GuessingSink(EdgeSink& sink) : sink_(sink) {}

 private:
  void take(const Edge* edges, std::size_t count) override {
    full_ = sink_.full();
    for (const Edge& e : std::span(edges, count))
      sink_.add(e.referent, e.kind, e.payload, e.cls == EdgeClass::kVisited ? EdgeClass::kGuess : e.cls);
  }
  EdgeSink& sink_;
};

}  // namespace

void References::scan(Address object, const TypeInfo& type, EdgeSink& sink) const {
  if (type.body == TraverseRule::kModule) return scan_module_state(object, sink);
  // tp_is_gc: a type is traversed only where it was allocated.
  if (type.flags & kTpTypeSubclass && !(objects_.type_flags(object) & kTpHeapType)) return;
  // A tp_traverse of C leaves what it inherits to that of its base. The nearest ancestor that layouts
  // describe tells the front of the body.
  const TypeInfo* base = types_.get(type.base);
  for (std::uint64_t steps = 0; base && steps < kMostBases; ++steps) {
    if (base->resolution == Resolution::kExact && base->basicsize <= type.basicsize) break;
    base = types_.get(base->base);
  }
  std::int64_t head = layout_.PyObject.size;
  bool items_told = false;
  if (base && base->resolution == Resolution::kExact) {
    GuessingSink guesses(sink);
    visit(object, *base, guesses);
    guesses.drain();
    head = std::max(head, base->basicsize);
    items_told = base->itemsize != 0;
  }
  // Where the base is one like datetime, no container itself, Cython's code does nothing for the type.
  const bool plain_base = base && base->basicsize > layout_.PyObject.size && !base->has_gc;
  const auto cython_function = cython_function_version(type);
  if (cython_function ? *cython_function >= 3003 : !plain_base && visits_own_type(type))
    sink.add(objects_.type_of(object), EdgeKind::kType, 0, EdgeClass::kGuess);
  const std::uint64_t items = type.itemsize && !items_told ? objects_.item_count(object) : 0;
  if (items > std::uint64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
  const std::int64_t bytes = type.basicsize + static_cast<std::int64_t>(items) * type.itemsize;
  const std::byte* body = objects_.image().at(object, static_cast<std::uint64_t>(bytes));
  if (!body) return health_.skip(Skip::kUnreadable, object);
  auto told = [&](std::int64_t offset) {
    if (offset == type.weaklistoffset) return true;  // borrowed
    if (type.dict == InstanceDict::kAtOffset && offset == type.dictoffset) return true;
    return std::any_of(type.fields.begin(), type.fields.end(),
                       [&](const ObjectField& field) { return field.offset == offset; });
  };
  // A Cython function begins like a PyCFunctionObject, whose m_module follows m_self. What follows and cannot
  // be part of a cycle is visited by older versions only: func_name, func_qualname, func_code (seen: visited
  // by 3.0, not by 3.2 and 3.3).
  const bool without_names = cython_function && *cython_function >= 3001;
  for (std::int64_t offset = (head + 7) / 8 * 8; offset + 8 <= bytes; offset += 8) {
    const Address w{word_at(body, offset)};
    if (value(w) % 8 != 0 || is_null(w) || w == object || told(offset)) continue;
    if (without_names && offset > layout_.PyCFunctionObject.m_self + 8 && is_name_or_code(w)) continue;
    sink.add(w, EdgeKind::kUnknown, static_cast<std::uint64_t>(offset), EdgeClass::kGuess);
  }
}

void References::words(Address object, const TypeInfo& type, EdgeSink& sink) const {
  if (type.words_end == 0) return;
  const std::byte* const body = objects_.image().at(object, static_cast<std::uint64_t>(type.words_end));
  if (!body) return health_.skip(Skip::kUnreadable, object);
  const bool visits = type.resolution == Resolution::kUnknown;
  for (std::int64_t offset = layout_.PyObject.size; offset + 8 <= type.words_end; offset += 8) {
    const Address w{word_at(body, offset)};
    if (value(w) % 8 != 0 || is_null(w) || w == object || w == type.address) continue;
    if (offset == type.weaklistoffset || offset == type.dictoffset) continue;
    if (std::any_of(type.fields.begin(), type.fields.end(),
                    [&](const ObjectField& field) { return field.offset == offset; }))
      continue;
    if (visits && objects_.flags_of(w) & kTpHaveGc) continue;
    sink.add(w, EdgeKind::kUnknown, static_cast<std::uint64_t>(offset), EdgeClass::kGuess);
  }
}

// Cython's modules share types, and the type's name tells the version:
// _cython_3_2_5.cython_function_or_method.
std::optional<int> References::cython_function_version(const TypeInfo& type) const {
  if (!type.name.ends_with("cython_function_or_method") && !type.name.ends_with("fused_cython_function"))
    return std::nullopt;
  const auto name = objects_.c_string(objects_.pointer(type.address, layout_.PyTypeObject.tp_name), 64);
  int major = 0, minor = 0;
  if (name) std::sscanf(name->c_str(), "_cython_%2d_%3d", &major, &minor);
  return major * 1000 + minor;
}

bool References::is_name_or_code(Address object) const {
  const Address type = objects_.type_of(object);
  if (objects_.type_flags(type) & kTpUnicodeSubclass) return true;
  const auto name = objects_.c_string(objects_.pointer(type, layout_.PyTypeObject.tp_name), 8);
  return name && *name == "code";
}

bool References::visits_own_type(const TypeInfo& type) const {
  // From 3.9 on heap types visit the type of their instances, those written in C like any other; a Python
  // class leaves it to such a base (CPython Objects/typeobject.c, subtype_traverse).
  if (objects_.python().rules.type_edge_always) return false;
  const TypeInfo* owner = &type;
  for (std::uint64_t steps = 0;
       owner && owner->tp_traverse == types_.subtype_traverse() && steps < kMostBases; ++steps)
    owner = types_.get(owner->base);
  return owner && owner->flags & kTpHeapType;
}

void References::scan_module_state(Address module, EdgeSink& sink) const {
  const auto& l = layout_.PyModuleObject;
  const Address state = objects_.pointer(module, l.md_state);
  const auto size = l.md_def == kAbsent ? objects_.load<std::int64_t>(module, l.md_state_size)
                                        : objects_.load<std::int64_t>(objects_.pointer(module, l.md_def),
                                                                      layout_.PyModuleDef.m_size);
  if (is_null(state) || !size || *size <= 0 || *size > 1 << 20) return;
  const std::byte* words = objects_.image().at(state, static_cast<std::uint64_t>(*size));
  if (!words) return health_.skip(Skip::kUnreadable, module);
  for (std::int64_t offset = 0; offset + 8 <= *size; offset += 8) {
    const Address w{word_at(words, offset)};
    if (value(w) % 8 == 0 && w != module)
      sink.add(w, EdgeKind::kState, static_cast<std::uint64_t>(offset), EdgeClass::kGuess);
  }
}

}  // namespace heapglass
