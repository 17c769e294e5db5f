#include "lib/python/references.h"

#include <algorithm>
#include <cstring>

namespace heapglass {
namespace {

std::uint64_t word_at(const std::byte* p, std::uint64_t i) {
  std::uint64_t w;
  std::memcpy(&w, p + i * 8, 8);
  return w;
}

std::string_view short_name(std::string_view name) { return name.substr(name.rfind('.') + 1); }

// Pickler and Unpickler tell their memo from 3.11.7 and 3.12.1 on.
bool memo_is_visited(std::uint32_t hexversion) {
  return hexversion >= version(3, 11, 7) &&
         !(hexversion >= version(3, 12, 0) && hexversion < version(3, 12, 1));
}

Address at(Address base, std::int32_t offset) {
  return base + static_cast<std::uint64_t>(std::int64_t{offset});
}

}  // namespace

void References::pointers(Address array, std::uint64_t count, EdgeKind kind, EdgeSink& sink, Address owner,
                          std::uint64_t first_payload) const {
  if (count == 0) return;
  if (count > std::uint64_t{1} << 44) return health_.skip(Skip::kImplausibleSize, owner);
  const std::byte* items = objects_.image().at(array, count * 8);
  if (!items) return health_.skip(Skip::kUnreadable, owner);
  for (std::uint64_t i = 0; i < count; ++i)
    sink.add(Address{word_at(items, i)}, kind, first_payload + i, EdgeClass::kVisited);
}

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
  switch (type.body) {
    case Body::kNone:
      break;
    case Body::kTuple: {
      const std::int64_t n = objects_.ob_size(object);
      if (n < 0) return health_.skip(Skip::kImplausibleSize, object);
      return tuple(object, static_cast<std::uint64_t>(n), sink);
    }
    case Body::kStructSequence:
      return struct_sequence(object, type, sink);
    case Body::kList:
      return list(object, sink);
    case Body::kDict:
      return dict(object, sink);
    case Body::kSet:
      return set(object, sink);
    case Body::kDeque:
      return deque(object, sink);
    case Body::kOrderedDict:
      return ordered_dict(object, sink);
    case Body::kType:
      return type_object(object, sink);
    case Body::kModule:
      return module(object, sink);
    case Body::kCode:
      break;
    case Body::kFrame:
      return frame_object(object, sink);
    case Body::kGenerator:
      return generator(object, sink);
    case Body::kLruCache:
      return lru_cache(object, sink);
    case Body::kBuiltinMethod:
      return builtin_method(object, sink);
    case Body::kElement:
      return element(object, sink);
    case Body::kTeeData:
      return tee_data(object, sink);
    case Body::kSimpleQueue:
      return simple_queue(object, sink);
    case Body::kHamtBitmap:
    case Body::kHamtArray:
    case Body::kHamtCollision:
      return hamt_node(object, type.body, sink);
    case Body::kMemoryView:
      break;
    case Body::kCTypesType:
      return ctypes_type(object, sink);
    case Body::kPickler:
      return pickler_memo(object, sink);
    case Body::kUnpickler:
      return unpickler_memo(object, sink);
    case Body::kSqliteConnection:
      return sqlite_connection(object, sink);
    case Body::kSqliteCache:
      return sqlite_cache(object, sink);
    case Body::kXmlParser:
      // expat's table of handlers: a slot for each event, most of them NULL.
      return pointers(objects_.pointer(object, layout_.xmlparseobject.handlers), 22, EdgeKind::kIndex, sink,
                      object);
    case Body::kElementIterator:
      return element_iterator(object, sink);
    case Body::kRegexTemplate:
      return regex_template(object, sink);
    case Body::kCapsule:
      return capsule(object, sink);
    case Body::kTimeZone:
      return time_zone(object, type, sink);
    case Body::kExecutor:  // machine code of the JIT: its exits hold executors, which nothing else needs
    case Body::kAtexit:    // the rest are bodies of module states
    case Body::kDecimalState:
    case Body::kZoneInfoState:
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
        const bool dict_first = objects_.python().rules.dict_visits_inline_values && *first != 0;
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

void References::dict(Address object, EdgeSink& sink) const {
  const Address keys_at = objects_.pointer(object, layout_.PyDictObject.ma_keys);
  const Address values = objects_.pointer(object, layout_.PyDictObject.ma_values);
  const auto keys = objects_.keys(keys_at);
  if (!keys) return health_.skip(Skip::kImplausibleSize, object);
  if (is_null(values)) {
    const bool general = keys->general || types_.is_general_lookup(
                                              objects_.pointer(keys_at, layout_.PyDictKeysObject.dk_lookup));
    const EdgeClass key_class = general ? EdgeClass::kVisited : EdgeClass::kOwned;
    for (std::uint64_t i = 0; i < keys->nentries; ++i) {
      const Address v = keys->entry_value(i);
      if (is_null(v)) continue;
      const Address k = keys->key(i);
      sink.add(k, EdgeKind::kKey, 0, key_class);
      sink.add(v, EdgeKind::kValue, value(k), EdgeClass::kVisited);
    }
    return;
  }
  EdgeClass cls = EdgeClass::kVisited;
  if (layout_.PyDictValues.embedded != kAbsent && !objects_.python().rules.dict_visits_inline_values) {
    const auto embedded = objects_.load<std::uint8_t>(values, layout_.PyDictValues.embedded);
    if (embedded.value_or(0)) return;  // the instance they are embedded in tells them
  }
  const std::byte* slots = objects_.image().at(values + objects_.values_offset(), keys->nentries * 8);
  if (!slots) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < keys->nentries; ++i)
    sink.add(Address{word_at(slots, i)}, EdgeKind::kValue, value(keys->key(i)), cls);
}

void References::list(Address object, EdgeSink& sink) const {
  const std::int64_t n = objects_.ob_size(object);
  const auto allocated = objects_.load<std::int64_t>(object, layout_.PyListObject.allocated);
  if (n == 0 && allocated == -1)
    return;  // being sorted: list.sort has taken the items away for as long as it runs
  if (n < 0 || !allocated || n > *allocated) return health_.skip(Skip::kImplausibleSize, object);
  pointers(objects_.pointer(object, layout_.PyListObject.ob_item), static_cast<std::uint64_t>(n),
           EdgeKind::kIndex, sink, object);
}

void References::tuple(Address object, std::uint64_t count, EdgeSink& sink) const {
  pointers(at(object, layout_.PyTupleObject.ob_item), count, EdgeKind::kIndex, sink, object);
}

void References::struct_sequence(Address object, const TypeInfo& type, EdgeSink& sink) const {
  std::int64_t n = objects_.ob_size(object);
  if (n < 0 || n > std::int64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
  if (objects_.python().rules.structseq_by_basicsize) {
    n += (type.basicsize - layout_.PyTupleObject.ob_item) / 8;
  } else {
    // The number of fields, hidden ones included, stands in the type's dict as an int.
    const Address fields = objects_.item(types_.type_dict(type.address), "n_fields");
    if (!is_null(fields)) {
      const auto digit = objects_.load<std::uint32_t>(fields, layout_.PyLongObject.ob_digit);
      if (digit && *digit < 10'000) n = *digit;
    }
  }
  if (n < 0) return health_.skip(Skip::kImplausibleSize, object);
  tuple(object, static_cast<std::uint64_t>(n), sink);
}

void References::set(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PySetObject;
  const auto mask = objects_.load<std::int64_t>(object, l.mask);
  const Address table = objects_.pointer(object, l.table);
  const std::int32_t entry = layout_.setentry.size;
  if (!mask || *mask < 0 || *mask > std::int64_t{1} << 40 || entry < 16)
    return health_.skip(Skip::kImplausibleSize, object);
  const std::uint64_t n = static_cast<std::uint64_t>(*mask) + 1;
  const std::byte* entries = objects_.image().at(table, n * static_cast<std::uint64_t>(entry));
  if (!entries) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::byte* e = entries + i * static_cast<std::uint64_t>(entry);
    const std::uint64_t key = word_at(e + layout_.setentry.key, 0);
    // A removed entry holds the dummy, with hash -1 that no live key has.
    if (key == 0 || word_at(e + layout_.setentry.hash, 0) == ~std::uint64_t{0}) continue;
    sink.add(Address{key}, EdgeKind::kElement, 0, EdgeClass::kVisited);
  }
}

void References::deque(Address object, EdgeSink& sink) const {
  const auto& l = layout_.dequeobject;
  const std::int64_t n = objects_.ob_size(object);
  Address block = objects_.pointer(object, l.leftblock);
  const auto left = objects_.load<std::int64_t>(object, l.leftindex);
  const std::int64_t block_len = (layout_.block.rightlink - layout_.block.data) / 8;
  if (n < 0 || !left || *left < 0 || *left > block_len || n > std::int64_t{1} << 40)
    return health_.skip(Skip::kImplausibleSize, object);
  // By the length, not by rightindex: a damaged chain of blocks cannot lead round and round.
  std::int64_t index = *left;
  for (std::int64_t done = 0; done < n;) {
    const std::int64_t here = std::min(n - done, block_len - index);
    const std::byte* items =
        objects_.image().at(at(block, layout_.block.data) + static_cast<std::uint64_t>(index) * 8,
                            static_cast<std::uint64_t>(here) * 8);
    if (!items) return health_.skip(Skip::kUnreadable, object);
    for (std::int64_t i = 0; i < here; ++i)
      sink.add(Address{word_at(items, static_cast<std::uint64_t>(i))}, EdgeKind::kIndex,
               static_cast<std::uint64_t>(done + i), EdgeClass::kVisited);
    done += here;
    index = 0;
    if (done < n) block = objects_.pointer(block, layout_.block.rightlink);
    if (here <= 0) return;
  }
}

void References::ordered_dict(Address object, EdgeSink& sink) const {
  Address node = objects_.pointer(object, layout_.PyODictObject.od_first);
  const auto used = objects_.load<std::int64_t>(object, layout_.PyDictObject.ma_used);
  if (!used || *used < 0) return health_.skip(Skip::kImplausibleSize, object);
  // A node a key; one more than that and the chain is not what it should be.
  for (std::int64_t i = 0; !is_null(node); ++i) {
    if (i > *used) {
      health_.skip(Skip::kImplausibleSize, object);
      break;
    }
    std::uint64_t key;
    if (!objects_.image().load(at(node, layout_.ODictNode.key), key)) {
      health_.skip(Skip::kUnreadable, object);
      break;
    }
    sink.add(Address{key}, EdgeKind::kKey, 0, EdgeClass::kVisited);
    node = objects_.pointer(node, layout_.ODictNode.next);
  }
  dict(object, sink);
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
  const auto text = objects_.str(name, 200);
  const TypeTable::ModuleState* described = text ? types_.module_state(*text) : nullptr;
  if (!described) return;  // listed by the builder: a module whose state nobody has described
  if (described->visits_type) sink.add(objects_.type_of(object), EdgeKind::kType, 0, EdgeClass::kVisited);
  if (described->body != Body::kNone) module_state_body(state, described->body, sink);
  for (const ObjectField& f : described->fields) {
    std::uint64_t w;
    if (!objects_.image().load(at(state, f.offset), w)) {
      health_.skip(Skip::kUnreadable, object);
      return;
    }
    sink.add(Address{w}, f.kind, f.payload, f.cls);
  }
}

void References::visit_interpreter_frame(Address frame, EdgeSink& sink) const {
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
  if (top <= 0) return;
  if (top > 1 << 24) return health_.skip(Skip::kImplausibleSize, frame);
  const std::int64_t locals =
      objects_.load<std::int32_t>(code, layout_.PyCodeObject.co_nlocalsplus).value_or(0);
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
  const Rules& rules = objects_.python().rules;
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

void References::lru_cache(Address object, EdgeSink& sink) const {
  // The links of a bounded cache are no objects for the collector: lru_cache_tp_traverse visits what they
  // hold.
  const auto& l = layout_.lru_cache_object;
  const auto& link = layout_.lru_list_elem;
  const Address root = at(object, l.root);
  Address node = objects_.pointer(root, link.next);
  if (is_null(node)) return;
  // A ring that closes at the root; no cache is as long as memory has room for links.
  const std::uint64_t most = objects_.image().heap_positions() / 32;
  const bool type_too = objects_.python().hexversion >= version(3, 10);
  for (std::uint64_t i = 0; node != root; ++i) {
    std::uint64_t key, result;
    if (i > most || !objects_.image().load(at(node, link.key), key) ||
        !objects_.image().load(at(node, link.result), result)) {
      return health_.skip(Skip::kUnreadable, object);
    }
    sink.add(Address{key}, EdgeKind::kKey, 0, EdgeClass::kVisited);
    sink.add(Address{result}, EdgeKind::kValue, key, EdgeClass::kVisited);
    if (type_too) sink.add(objects_.type_of(node), EdgeKind::kLink, i, EdgeClass::kVisited);
    node = objects_.pointer(node, link.next);
  }
}

void References::builtin_method(Address object, EdgeSink& sink) const {
  constexpr std::int32_t kMethMethod = 0x200;  // METH_METHOD, Include/methodobject.h
  static const FieldName kClass{"mm_class"};
  const Address ml = objects_.pointer(object, layout_.PyCFunctionObject.m_ml);
  const auto flags = objects_.load<std::int32_t>(ml, layout_.PyMethodDef.ml_flags);
  if (flags && *flags & kMethMethod)
    sink.add(objects_.pointer(object, layout_.PyCMethodObject.mm_class), EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&kClass), EdgeClass::kVisited);
}

void References::element(Address object, EdgeSink& sink) const {
  static const FieldName kText{"text"}, kTail{"tail"}, kAttrib{"attrib"};
  auto tagged = [&](std::int32_t offset, const FieldName& name) {
    sink.add(Address{value(objects_.pointer(object, offset)) & ~std::uint64_t{1}}, EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&name), EdgeClass::kVisited);
  };
  tagged(layout_.ElementObject.text, kText);
  tagged(layout_.ElementObject.tail, kTail);
  const Address extra = objects_.pointer(object, layout_.ElementObject.extra);
  if (is_null(extra)) return;
  const auto& l = layout_.ElementObjectExtra;
  sink.add(objects_.pointer(extra, l.attrib), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kAttrib),
           EdgeClass::kVisited);
  const auto n = objects_.load<std::int64_t>(extra, l.length);
  if (!n || *n < 0) return health_.skip(Skip::kImplausibleSize, object);
  pointers(objects_.pointer(extra, l.children), static_cast<std::uint64_t>(*n), EdgeKind::kIndex, sink,
           object);
}

void References::tee_data(Address object, EdgeSink& sink) const {
  const auto& l = layout_.teedataobject;
  const auto n = objects_.load<std::int32_t>(object, l.numread);
  if (!n || *n < 0 || *n > (layout_.teedataobject.size - l.values) / 8)
    return health_.skip(Skip::kImplausibleSize, object);
  pointers(at(object, l.values), static_cast<std::uint64_t>(*n), EdgeKind::kIndex, sink, object);
}

void References::simple_queue(Address object, EdgeSink& sink) const {
  const auto& l = layout_.simplequeueobject;
  if (l.items == kAbsent) return;  // to 3.12 the items are in a list, which is a field
  const auto get = objects_.load<std::int64_t>(object, l.get_idx);
  const auto cap = objects_.load<std::int64_t>(object, l.items_cap);
  const auto n = objects_.load<std::int64_t>(object, l.num_items);
  if (!get || !cap || !n || *cap < 0 || *cap > std::int64_t{1} << 40 || *n < 0 || *n > *cap || *get < 0 ||
      (*get >= *cap && *n > 0)) {
    return health_.skip(Skip::kImplausibleSize, object);
  }
  const Address items = objects_.pointer(object, l.items);
  const std::int64_t first = std::min(*n, *cap - *get);  // up to the end of the ring, then from its start
  if (first > 0)
    pointers(items + static_cast<std::uint64_t>(*get) * 8, static_cast<std::uint64_t>(first),
             EdgeKind::kIndex, sink, object);
  if (*n > first)
    pointers(items, static_cast<std::uint64_t>(*n - first), EdgeKind::kIndex, sink, object,
             static_cast<std::uint64_t>(first));
}

void References::ctypes_type(Address object, EdgeSink& sink) const {
  static const FieldName kProto{"proto"}, kArgtypes{"argtypes"}, kConverters{"converters"},
      kRestype{"restype"}, kChecker{"checker"}, kModule{"module"}, kPointerType{"pointer_type"};
  auto field = [&](Address base, std::int32_t offset, const FieldName& name, EdgeClass cls) {
    sink.add(objects_.pointer(base, offset), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&name), cls);
  };
  if (layout_.StgInfo.proto == kAbsent) {
    // The StgDict is the type's dict, and tells what it holds itself but for proto.
    const Address dict = types_.type_dict(object);
    const TypeInfo* dict_type = types_.get(objects_.type_of(dict));
    if (dict_type && short_name(dict_type->name) == "StgDict")
      field(dict, layout_.StgDictObject.proto, kProto, EdgeClass::kVisited);
  } else {
    // PyObject_GetTypeData: behind the type object, rounded up as for any object.
    const auto size = objects_.load<std::int64_t>(types_.type_type(), layout_.PyTypeObject.tp_basicsize);
    if (!size || *size < 0 || *size > 1 << 20) return health_.skip(Skip::kBadType, object);
    const Address info = object + static_cast<std::uint64_t>((*size + 15) / 16 * 16);
    if (objects_.load<std::int32_t>(info, layout_.StgInfo.initialized).value_or(0)) {
      field(info, layout_.StgInfo.proto, kProto, EdgeClass::kVisited);
      field(info, layout_.StgInfo.argtypes, kArgtypes, EdgeClass::kVisited);
      field(info, layout_.StgInfo.converters, kConverters, EdgeClass::kVisited);
      field(info, layout_.StgInfo.restype, kRestype, EdgeClass::kVisited);
      field(info, layout_.StgInfo.checker, kChecker, EdgeClass::kVisited);
      field(info, layout_.StgInfo.module, kModule, EdgeClass::kVisited);
      field(info, layout_.StgInfo.pointer_type, kPointerType, EdgeClass::kVisited);  // 3.14+
    }
  }
  type_object(object, sink);
}

void References::pickler_memo(Address object, EdgeSink& sink) const {
  const EdgeClass cls =
      memo_is_visited(objects_.python().hexversion) ? EdgeClass::kVisited : EdgeClass::kOwned;
  const Address memo = objects_.pointer(object, layout_.PicklerObject.memo);
  if (is_null(memo)) return;
  const auto n = objects_.load<std::uint64_t>(memo, layout_.PyMemoTable.mt_allocated);
  const std::uint64_t entry = static_cast<std::uint64_t>(layout_.PyMemoEntry.size);
  if (!n || *n > std::uint64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
  const std::byte* entries =
      objects_.image().at(objects_.pointer(memo, layout_.PyMemoTable.mt_table), *n * entry);
  if (!entries) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < *n; ++i)
    sink.add(Address{word_at(entries + i * entry + layout_.PyMemoEntry.me_key, 0)}, EdgeKind::kKey, 0, cls);
}

void References::unpickler_memo(Address object, EdgeSink& sink) const {
  const EdgeClass cls =
      memo_is_visited(objects_.python().hexversion) ? EdgeClass::kVisited : EdgeClass::kOwned;
  const Address memo = objects_.pointer(object, layout_.UnpicklerObject.memo);
  if (is_null(memo)) return;
  const auto n = objects_.load<std::uint64_t>(object, layout_.UnpicklerObject.memo_size);
  if (!n || *n > std::uint64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
  const std::byte* items = objects_.image().at(memo, *n * 8);
  if (!items) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < *n; ++i) sink.add(Address{word_at(items, i)}, EdgeKind::kIndex, i, cls);
}

void References::sqlite_connection(Address object, EdgeSink& sink) const {
  static const FieldName kCallable{"callable"}, kModule{"module"};
  const auto& l = layout_.pysqlite_Connection;
  for (const std::int32_t offset : {l.trace_ctx, l.progress_ctx, l.authorizer_ctx}) {
    const Address context = objects_.pointer(object, offset);
    if (is_null(context)) continue;
    sink.add(objects_.pointer(context, layout_.callback_context.callable), EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&kCallable), EdgeClass::kVisited);
    sink.add(objects_.pointer(context, layout_.callback_context.module), EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&kModule), EdgeClass::kVisited);
  }
}

void References::sqlite_cache(Address object, EdgeSink& sink) const {
  // To 3.10 a chain of nodes from the most used on; they are objects of their own.
  const EdgeClass cls =
      objects_.python().hexversion >= version(3, 10) ? EdgeClass::kVisited : EdgeClass::kOwned;
  Address node = objects_.pointer(object, layout_.pysqlite_Cache.first);
  for (std::uint64_t i = 0; !is_null(node) && i < 1'000'000; ++i) {
    sink.add(node, EdgeKind::kLink, i, cls);
    node = objects_.pointer(node, layout_.pysqlite_Node.next);
  }
}

void References::element_iterator(Address object, EdgeSink& sink) const {
  const auto n = objects_.load<std::int64_t>(object, layout_.ElementIterObject.parent_stack_used);
  if (!n || *n < 0 || *n > std::int64_t{1} << 32) return health_.skip(Skip::kImplausibleSize, object);
  constexpr std::uint64_t kParentLocator = 16;  // {parent, child_index}, Modules/_elementtree.c
  const std::uint64_t count = static_cast<std::uint64_t>(*n);
  const std::byte* stack = objects_.image().at(
      objects_.pointer(object, layout_.ElementIterObject.parent_stack), count * kParentLocator);
  if (!stack && count) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < count; ++i)
    sink.add(Address{word_at(stack + i * kParentLocator, 0)}, EdgeKind::kIndex, i, EdgeClass::kVisited);
}

void References::regex_template(Address object, EdgeSink& sink) const {
  const std::int64_t n = objects_.ob_size(object);
  if (n < 0 || n > std::int64_t{1} << 32) return health_.skip(Skip::kImplausibleSize, object);
  constexpr std::uint64_t kItem = 16;  // {index, literal}, Modules/_sre/sre.h
  const std::uint64_t count = static_cast<std::uint64_t>(n);
  const std::byte* items = objects_.image().at(at(object, layout_.TemplateObject.items), count * kItem);
  if (!items && count) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < count; ++i)
    sink.add(Address{word_at(items + i * kItem, 1)}, EdgeKind::kIndex, i, EdgeClass::kVisited);
}

void References::capsule(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PyCapsule;
  if (l.traverse_func == kAbsent || is_null(objects_.pointer(object, l.traverse_func))) return;
  static const FieldName kType{"type"};
  const auto name = objects_.c_string(objects_.pointer(object, l.name), 64);
  if (name != "_socket.CAPI" && name != "_curses._C_API") return;
  sink.add(objects_.pointer(objects_.pointer(object, l.pointer), 0), EdgeKind::kField,
           reinterpret_cast<std::uint64_t>(&kType), EdgeClass::kVisited);
}

void References::time_zone(Address object, const TypeInfo& type, EdgeSink& sink) const {
  static const FieldName kZone{"tzinfo"};
  const bool is_time = type.basicsize == layout_.PyDateTime_Time.size;
  const std::int32_t has =
      is_time ? layout_.PyDateTime_Time.hastzinfo : layout_.PyDateTime_DateTime.hastzinfo;
  const std::int32_t zone = is_time ? layout_.PyDateTime_Time.tzinfo : layout_.PyDateTime_DateTime.tzinfo;
  if (objects_.load<std::uint8_t>(object, has).value_or(0))
    sink.add(objects_.pointer(object, zone), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kZone),
             EdgeClass::kOwned);
}

void References::module_state_body(Address state, Body body, EdgeSink& sink) const {
  static const FieldName kException{"ex"}, kKey{"key"}, kZone{"zone"}, kFunc{"func"}, kArgs{"args"},
      kKwargs{"kwargs"};
  auto field = [&](Address base, std::int32_t offset, const FieldName& name) {
    sink.add(objects_.pointer(base, offset), EdgeKind::kState, reinterpret_cast<std::uint64_t>(&name),
             EdgeClass::kVisited);
  };
  constexpr int kMostEntries = 100'000;
  if (body == Body::kDecimalState) {
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
  } else if (body == Body::kZoneInfoState) {
    Address node = objects_.pointer(state, layout_.zoneinfo_state.strong_cache);
    for (int i = 0; !is_null(node) && i < kMostEntries; ++i) {
      field(node, layout_.StrongCacheNode.key, kKey);
      field(node, layout_.StrongCacheNode.zone, kZone);
      node = objects_.pointer(node, layout_.StrongCacheNode.next);
    }
  } else if (body == Body::kAtexit) {
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

void References::hamt_node(Address object, Body body, EdgeSink& sink) const {
  const std::int64_t n = objects_.ob_size(object);
  switch (body) {
    case Body::kHamtArray:
      return pointers(at(object, layout_.PyHamtNode_Array.a_array), 32, EdgeKind::kIndex, sink, object);
    case Body::kHamtBitmap:
      if (n < 0) return health_.skip(Skip::kImplausibleSize, object);
      return pointers(at(object, layout_.PyHamtNode_Bitmap.b_array), static_cast<std::uint64_t>(n),
                      EdgeKind::kIndex, sink, object);
    default:
      if (n < 0) return health_.skip(Skip::kImplausibleSize, object);
      return pointers(at(object, layout_.PyHamtNode_Collision.c_array), static_cast<std::uint64_t>(n),
                      EdgeKind::kIndex, sink, object);
  }
}

}  // namespace heapglass
