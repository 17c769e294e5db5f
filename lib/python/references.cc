#include "lib/python/references.h"

#include <cstring>

#include "lib/python/words.h"

namespace heapglass {

void References::visit(Address object, const TypeInfo& type, EdgeSink& sink) const {
  if (sink.full()) return;
  for (const ObjectField& field : type.fields) {
    std::uint64_t w;
    Address place = at(object, field.offset);
    if (field.after_items) {
      const std::uint64_t n = objects_.item_count(object);
      if (n > std::uint64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
      place = place + n * static_cast<std::uint64_t>(type.itemsize);
    }
    if (!objects_.image().load(place, w)) {
      health_.skip(Skip::kUnreadable, object);
      continue;
    }
    sink.add(Address{w}, field.kind, field.payload, field.cls);
  }
  if (type.dict != InstanceDict::kNone) instance_dict(object, type, sink);
  if (type.is_greenlet) greenlet(object, sink);
  switch (type.body) {
    case TraverseRule::kNone:
      break;
    case TraverseRule::kTuple: {
      const std::int64_t n = objects_.ob_size(object);
      if (n < 0) return health_.skip(Skip::kImplausibleSize, object);
      return tuple(object, static_cast<std::uint64_t>(n), sink);
    }
    case TraverseRule::kStructSequence:
      return struct_sequence(object, type, sink);
    case TraverseRule::kList:
      return list(object, sink);
    case TraverseRule::kDict:
      return dict(object, sink);
    case TraverseRule::kSet:
      return set(object, sink);
    case TraverseRule::kDeque:
      return deque(object, sink);
    case TraverseRule::kOrderedDict:
      return ordered_dict(object, sink);
    case TraverseRule::kType:
      return type_object(object, sink);
    case TraverseRule::kModule:
      return module(object, sink);
    case TraverseRule::kCode:
      break;
    case TraverseRule::kFrame:
      return frame_object(object, sink);
    case TraverseRule::kGenerator:
      return generator(object, sink);
    case TraverseRule::kLruCache:
      return lru_cache(object, sink);
    case TraverseRule::kBuiltinMethod:
      return builtin_method(object, sink);
    case TraverseRule::kElement:
      return element(object, sink);
    case TraverseRule::kTeeData:
      return tee_data(object, sink);
    case TraverseRule::kSimpleQueue:
      return simple_queue(object, sink);
    case TraverseRule::kHamtBitmap:
    case TraverseRule::kHamtArray:
    case TraverseRule::kHamtCollision:
      return hamt_node(object, type.body, sink);
    case TraverseRule::kMemoryView:
      break;
    case TraverseRule::kCTypesType:
      return ctypes_type(object, sink);
    case TraverseRule::kPickler:
      return pickler_memo(object, sink);
    case TraverseRule::kUnpickler:
      return unpickler_memo(object, sink);
    case TraverseRule::kSqliteConnection:
      return sqlite_connection(object, sink);
    case TraverseRule::kSqliteCache:
      return sqlite_cache(object, sink);
    case TraverseRule::kXmlParser:
      // expat's table of handlers: a slot for each event, most of them NULL.
      return pointers(objects_.pointer(object, layout_.xmlparseobject.handlers), 22, EdgeKind::kIndex, sink,
                      object);
    case TraverseRule::kElementIterator:
      return element_iterator(object, sink);
    case TraverseRule::kRegexTemplate:
      return regex_template(object, sink);
    case TraverseRule::kCapsule:
      return capsule(object, sink);
    case TraverseRule::kStringWriter:
      return string_writer(object, sink);
    case TraverseRule::kTimeZone:
      return time_zone(object, type, sink);
    case TraverseRule::kMethodCaller:
      return method_caller(object, sink);
    case TraverseRule::kNumpyArray:
      return numpy_array(object, sink);
    case TraverseRule::kExecutor:  // machine code of the JIT: its exits hold executors, which nothing else
                                   // needs
    case TraverseRule::kAtexit:    // the rest are bodies of module states
    case TraverseRule::kDecimalState:
    case TraverseRule::kZoneInfoState:
      break;
  }
}

void References::inline_values(Address values, std::uint64_t count, const TypeInfo& type,
                               EdgeSink& sink) const {
  const auto names = objects_.keys(objects_.pointer(type.address, layout_.PyHeapTypeObject.ht_cached_keys));
  if (!names) return;
  const std::byte* slots = objects_.image().at(values, count * 8);
  if (!slots) return health_.skip(Skip::kUnreadable, values);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t name = i < names->nentries ? value(names->key(i)) : 0;
    sink.add(Address{word_at(slots, i)}, EdgeKind::kAttribute, name, EdgeClass::kVisited);
  }
}

void References::instance_dict(Address object, const TypeInfo& type, EdgeSink& sink) const {
  if (type.dict == InstanceDict::kAtOffset) {
    std::int64_t offset = type.dictoffset;
    if (offset < 0) {
      // Behind the items of a variable-size object, rounded up (CPython _PyObject_ComputedDictPointer).
      const std::uint64_t n = objects_.item_count(object);
      if (n > std::uint64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
      offset += (type.basicsize + static_cast<std::int64_t>(n) * type.itemsize + 7) / 8 * 8;
      if (offset < 0) return health_.skip(Skip::kBadType, type.address);
    }
    std::uint64_t w;
    if (!objects_.image().load(object + static_cast<std::uint64_t>(offset), w))
      return health_.skip(Skip::kUnreadable, object);
    return sink.add(Address{w}, EdgeKind::kDict, 0, EdgeClass::kVisited);
  }
  const std::uint64_t before = static_cast<std::uint64_t>(layout_.PyGC_Head.size) + 8;
  const auto first = objects_.load<std::uint64_t>(object - before, 0);
  if (!first) return health_.skip(Skip::kUnreadable, object);
  auto cached_count = [&]() -> std::uint64_t {
    const auto k = objects_.keys(objects_.pointer(type.address, layout_.PyHeapTypeObject.ht_cached_keys));
    return k ? k->nentries : 0;
  };
  switch (objects_.python().rules.values) {
    case Values::kDictPointer:
      return;
    case Values::kPreHeaderPair: {
      const Address values{objects_.load<std::uint64_t>(object - before - 8, 0).value_or(0)};
      if (!is_null(values)) return inline_values(values, cached_count(), type, sink);
      return sink.add(Address{*first}, EdgeKind::kDict, 0, EdgeClass::kVisited);
    }
    case Values::kTaggedWord:
      if (*first & 1) return inline_values(Address{*first + 1}, cached_count(), type, sink);
      return sink.add(Address{*first}, EdgeKind::kDict, 0, EdgeClass::kVisited);
    case Values::kInline: {
      if (type.flags & kTpInlineValues) {
        const Address values = object + static_cast<std::uint64_t>(type.basicsize);
        const auto valid = objects_.load<std::uint8_t>(values, layout_.PyDictValues.valid);
        const auto capacity = objects_.load<std::uint8_t>(values, layout_.PyDictValues.capacity);
        if (!valid || !capacity) return health_.skip(Skip::kUnreadable, object);
        const bool dict_first = types_.rules().dict_visits_inline_values && *first != 0;
        if (*valid && !dict_first) {
          inline_values(values + objects_.values_offset(), *capacity, type, sink);
          // The dict made for somebody who asked is owned all the same.
          return sink.add(Address{*first}, EdgeKind::kDict, 0, EdgeClass::kOwned);
        }
      }
      return sink.add(Address{*first}, EdgeKind::kDict, 0, EdgeClass::kVisited);
    }
  }
}

void References::type_object(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PyTypeObject;
  const auto& heap = layout_.PyHeapTypeObject;
  const bool is_heap = objects_.type_flags(object) & kTpHeapType;
  // type_traverse tells nothing of a static type, though it holds the same things.
  const EdgeClass cls = is_heap ? EdgeClass::kVisited : EdgeClass::kOwned;
  auto field = [&](std::int32_t offset, const char* name, EdgeClass c) {
    static const FieldName kNames[] = {{"__dict__"}, {"__mro__"},      {"__bases__"},
                                       {"__base__"}, {"tp_cache"},     {"ht_module"},
                                       {"__name__"}, {"__qualname__"}, {"__slots__"}};
    const Address referent =
        std::strcmp(name, "__dict__") == 0 ? types_.type_dict(object) : objects_.pointer(object, offset);
    for (const FieldName& n : kNames)
      if (n.name == name) return sink.add(referent, EdgeKind::kField, reinterpret_cast<std::uint64_t>(&n), c);
  };
  field(l.tp_dict, "__dict__", cls);
  field(l.tp_cache, "tp_cache", cls);
  field(l.tp_mro, "__mro__", cls);
  field(l.tp_bases, "__bases__", cls);
  field(l.tp_base, "__base__", cls);
  // A dict of weak references, which nobody else holds.
  static const FieldName kSubclasses{"tp_subclasses"};
  sink.add(types_.type_field(object, l.tp_subclasses, layout_.static_type_state.tp_subclasses),
           EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kSubclasses), EdgeClass::kOwned);
  if (!is_heap) return;
  field(heap.ht_module, "ht_module", cls);
  field(heap.ht_name, "__name__", EdgeClass::kOwned);
  field(heap.ht_qualname, "__qualname__", EdgeClass::kOwned);
  field(heap.ht_slots, "__slots__", EdgeClass::kOwned);
  // The names of the instances' attributes belong to the table that all of them share.
  const Address keys_at = objects_.pointer(object, heap.ht_cached_keys);
  if (is_null(keys_at)) return;
  const auto keys = objects_.keys(keys_at);
  if (!keys) return health_.skip(Skip::kImplausibleSize, object);
  for (std::uint64_t i = 0; i < keys->nentries; ++i)
    sink.add(keys->key(i), EdgeKind::kKey, 0, EdgeClass::kOwned);
}

void References::module(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PyModuleObject;
  static const FieldName kDictName{"__dict__"}, kNameName{"md_name"};
  sink.add(objects_.pointer(object, l.md_dict), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kDictName),
           EdgeClass::kVisited);
  const Address name = objects_.pointer(object, l.md_name);
  sink.add(name, EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kNameName), EdgeClass::kOwned);
  // CPython Objects/moduleobject.c module_traverse: the definition's m_traverse, unless it wants a state
  // (m_size > 0) that is not there yet.
  const Address state = objects_.pointer(object, l.md_state);
  if (l.md_def != kAbsent) {
    const Address def = objects_.pointer(object, l.md_def);
    if (is_null(def) || is_null(objects_.pointer(def, layout_.PyModuleDef.m_traverse))) return;
    const auto size = objects_.load<std::int64_t>(def, layout_.PyModuleDef.m_size);
    if (!size || (*size > 0 && is_null(state))) return;
  } else if (is_null(objects_.pointer(object, l.md_state_traverse))) {
    return;
  }
  if (is_null(state)) return;
  const TypeTable::ModuleState* described = types_.module_state(object);
  if (!described) return;  // listed by the builder: a module whose state nobody has described
  if (described->visits_type) sink.add(objects_.type_of(object), EdgeKind::kType, 0, EdgeClass::kVisited);
  if (described->body != TraverseRule::kNone) module_state_body(state, described->body, sink);
  for (const ObjectField& f : described->fields) {
    std::uint64_t w;
    if (!objects_.image().load(at(state, f.offset), w)) {
      health_.skip(Skip::kUnreadable, object);
      return;
    }
    sink.add(Address{w}, f.kind, f.payload, f.cls);
  }
}

void References::module_state_body(Address state, TraverseRule body, EdgeSink& sink) const {
  static const FieldName kException{"ex"}, kKey{"key"}, kZone{"zone"}, kFunc{"func"}, kArgs{"args"},
      kKwargs{"kwargs"};
  auto field = [&](Address base, std::int32_t offset, const FieldName& name) {
    sink.add(objects_.pointer(base, offset), EdgeKind::kState, reinterpret_cast<std::uint64_t>(&name),
             EdgeClass::kVisited);
  };
  constexpr int kMostEntries = 100'000;
  if (body == TraverseRule::kDecimalState) {
    const std::uint64_t entry = static_cast<std::uint64_t>(layout_.DecCondMap.size);
    for (const bool conditions : {false, true}) {
      Address map = objects_.pointer(
          state, conditions ? layout_.decimal_state.cond_map : layout_.decimal_state.signal_map);
      if (is_null(map)) continue;
      for (int i = 0; i < 64 && !is_null(objects_.pointer(map, layout_.DecCondMap.name));
           ++i, map = map + entry)
        if (!conditions || i > 0)
          field(map, layout_.DecCondMap.ex, kException);  // the first condition is also a signal
    }
  } else if (body == TraverseRule::kZoneInfoState) {
    Address node = objects_.pointer(state, layout_.zoneinfo_state.strong_cache);
    for (int i = 0; !is_null(node) && i < kMostEntries; ++i) {
      field(node, layout_.StrongCacheNode.key, kKey);
      field(node, layout_.StrongCacheNode.zone, kZone);
      node = objects_.pointer(node, layout_.StrongCacheNode.next);
    }
  } else if (body == TraverseRule::kAtexit) {
    const Address callbacks = objects_.pointer(state, layout_.atexitmodule_state.atexit_callbacks);
    const auto n = objects_.load<std::int32_t>(state, layout_.atexitmodule_state.ncallbacks).value_or(0);
    for (std::int32_t i = 0; i < n && i < kMostEntries; ++i) {
      const Address callback = objects_.pointer(callbacks, 8 * i);
      if (is_null(callback)) continue;
      field(callback, layout_.atexit_callback.func, kFunc);
      field(callback, layout_.atexit_callback.args, kArgs);
      field(callback, layout_.atexit_callback.kwargs, kKwargs);
    }
  }
}

}  // namespace heapglass
