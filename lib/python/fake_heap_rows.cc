// Of a made-up heap: a type and an instance for each row of c_types.h, with what its body refers to.
#include <cstring>

#include "lib/python/fake_heap.h"

namespace heapglass {
namespace {

// "builtins.dict" -> "dict", as static types spell their names.
std::string tp_name_of(std::string_view name) {
  constexpr std::string_view kBuiltins = "builtins.";
  return std::string(name.starts_with(kBuiltins) ? name.substr(kBuiltins.size()) : name);
}

}  // namespace

bool FakeHeap::has_sizeof(std::string_view name) {
  for (const SizeRow& row : size_rows())
    if (row.owner == name) return true;
  return false;
}

void FakeHeap::make_rows(unsigned part, unsigned parts) {
  const LayoutSources sources(python.sources);
  unsigned plain = 0, kind = 0;
  for (const CTypeRow& row : c_type_rows()) {
    if (!is_in_range(python.hexversion, row.since, row.until)) continue;
    if (!sources.size(row.structure)) continue;
    const std::string name = tp_name_of(row.type);
    // All that have a reader of their own, and of the others enough to meet every way of naming fields.
    if (row.body == TraverseRule::kNone && !has_sizeof(row.type) && name != "method" && name != "function" &&
        name != "weakref" && plain++ % 12) {
      continue;
    }
    const bool needed = name == "module" || name == "frame";  // by the heap itself
    if (types.count(name) || (kind++ % parts != part && !needed)) continue;
    Type t{name, *sources.size(row.structure), row.body == TraverseRule::kTuple ? 8u : 0u};
    t.traverse = row.body == TraverseRule::kStructSequence ? Address{kStructseqTraverse}
                                                           : Address{next_traverse_ += 16};
    t.base = types["object"];
    if (has_sizeof(row.type)) t.items.push_back({str("__sizeof__"), types["__sizeof__"]});
    if (row.body == TraverseRule::kStructSequence) t.items.push_back({str("n_fields"), integer(2)});
    if (row.body == TraverseRule::kCTypesType || row.body == TraverseRule::kType) t.flags |= kTpTypeSubclass;
    if (row.body == TraverseRule::kDict || row.body == TraverseRule::kOrderedDict) t.flags |= kTpDictSubclass;
    types[name] = type_space();
    fill_type(types[name], t);
    instances[name] = instance(row);
    loose_.push_back(instances[name]);
  }
  // Modules whose state has a reader of its own, and one with plain fields.
  Items modules;
  for (const ModuleStateRow& row : module_state_rows()) {
    if (!is_in_range(python.hexversion, row.since, row.until)) continue;
    if (row.body == TraverseRule::kNone && row.module != "_functools" && row.module != "itertools") continue;
    if (!sources.size(row.structure) || kind++ % parts != part) continue;
    const Address at = module(std::string(row.module), {{str("__name__"), str(row.module)}});
    const Address def = raw(static_cast<std::uint64_t>(l().PyModuleDef.size));
    const Address state = raw(*sources.size(row.structure) + 64);
    each_listed_field(row.visits, [&](std::string_view path) {
      if (const auto field = sources.field(row.structure, path.substr(0, path.find('@'))))
        put(state, static_cast<std::int32_t>(field->offset), some_);
    });
    fill_module_state(state, row.body);
    const std::uint64_t size = *sources.size(row.structure);
    put(def, l().PyModuleDef.m_size, size);
    put(def, l().PyModuleDef.m_traverse, next_traverse_);
    put(at, l().PyModuleObject.md_def, def);
    put(at, l().PyModuleObject.md_state_size, size);
    put(at, l().PyModuleObject.md_state, state);
    put(at, l().PyModuleObject.md_state_traverse, next_traverse_);
    loose_.push_back(at);
  }
}

void FakeHeap::fill_module_state(Address state, TraverseRule body) {
  if (body == TraverseRule::kDecimalState) {
    const auto& e = l().DecCondMap;
    const Address map = raw(3 * static_cast<std::uint64_t>(e.size));
    for (std::int32_t i = 0; i < 2; ++i) {
      put(map, i * e.size + e.name, c_string("signal"));
      put(map, i * e.size + e.ex, some_);
    }
    put(state, l().decimal_state.signal_map, map);
    put(state, l().decimal_state.cond_map, map);
  } else if (body == TraverseRule::kZoneInfoState) {
    const auto& n = l().StrongCacheNode;
    const Address node = raw(static_cast<std::uint64_t>(n.size));
    const Address last = raw(static_cast<std::uint64_t>(n.size));
    put(node, n.next, last);
    for (const Address each : {node, last}) {
      put(each, n.key, some_);
      put(each, n.zone, other_);
    }
    put(state, l().zoneinfo_state.strong_cache, node);
  } else if (body == TraverseRule::kAtexit) {
    const auto& c = l().atexit_callback;
    const Address callback = raw(static_cast<std::uint64_t>(c.size));
    for (const std::int32_t o : {c.func, c.args, c.kwargs}) put(callback, o, some_);
    const Address callbacks = raw(16);
    put(callbacks, 8, callback);
    put(state, l().atexitmodule_state.atexit_callbacks, callbacks);
    put(state, l().atexitmodule_state.ncallbacks, 2, 4);
  }
}

Address FakeHeap::instance(const CTypeRow& row) {
  const LayoutSources sources(python.sources);
  const Address type = types[tp_name_of(row.type)];
  if (row.body == TraverseRule::kFrame) return frame_object(Address{});
  if (row.body == TraverseRule::kCTypesType || row.body == TraverseRule::kType) {
    const Address at = type_space();
    put(at, l().PyObject.ob_type, type);
    Type t{"ctypes_made"};
    t.base = types["object"];
    fill_type(at, t);
    fill_body(at, row.body);
    return at;
  }
  const bool variable = row.body == TraverseRule::kTuple || row.body == TraverseRule::kStructSequence;
  const Address at = object(type, *sources.size(row.structure) + 64, variable ? 2 : 0);
  unsigned n = 0;
  for (const std::string_view fields : {row.visits, row.owns}) {
    each_listed_field(fields, [&](std::string_view path) {
      if (const auto field = sources.field(row.structure, path.substr(0, path.find('@'))))
        put(at, static_cast<std::int32_t>(field->offset), n++ % 2 ? some_ : other_);
    });
  }
  fill_body(at, row.body);
  return at;
}

void FakeHeap::fill_body(Address at, TraverseRule body) {
  auto behind = [&](std::int32_t offset) { return at + static_cast<std::uint64_t>(offset); };
  auto room = [&](std::int32_t size) { return raw(static_cast<std::uint64_t>(size) + 16); };
  switch (body) {
    case TraverseRule::kTuple:
    case TraverseRule::kStructSequence:
      return array(at, l().PyTupleObject.ob_item, {some_, other_});
    case TraverseRule::kList:
    case TraverseRule::kDict:
      return fill_dict(at, {{str("k"), some_}});
    case TraverseRule::kSet: {
      put(at, l().PySetObject.used, 2);
      put(at, l().PySetObject.mask, 7);
      put(at, l().PySetObject.table, behind(l().PySetObject.smalltable));
      for (const std::int32_t i : {1, 4}) {
        put(at, l().PySetObject.smalltable + i * l().setentry.size + l().setentry.key, some_);
        put(at, l().PySetObject.smalltable + i * l().setentry.size + l().setentry.hash, 77);
      }
      return;
    }
    case TraverseRule::kDeque: {
      const auto& b = l().block;
      const Address left = room(b.size), right = room(b.size);
      const std::int64_t length = (b.rightlink - b.data) / 8;
      put(left, b.rightlink, right);
      put(left, b.data + static_cast<std::int32_t>(8 * (length - 1)), some_);
      array(right, b.data, {other_, some_});
      put(at, l().PyVarObject.ob_size, 3);
      put(at, l().dequeobject.leftblock, left);
      put(at, l().dequeobject.leftindex, static_cast<std::uint64_t>(length - 1));
      put(at, l().dequeobject.rightindex, 1);
      return;
    }
    case TraverseRule::kOrderedDict: {
      const Address key = str("k"), first = room(l().ODictNode.size), second = room(l().ODictNode.size);
      fill_dict(at, {{key, some_}, {str("l"), other_}});
      put(first, l().ODictNode.key, key);
      put(first, l().ODictNode.next, second);
      put(second, l().ODictNode.key, key);
      put(at, l().PyODictObject.od_first, first);
      put(at, l().PyODictObject.od_fast_nodes_size, 8);
      return;
    }
    case TraverseRule::kModule:
      put(at, l().PyModuleObject.md_dict, other_);
      return put(at, l().PyModuleObject.md_name, str("made_up"));
    case TraverseRule::kGenerator:
      if (l().PyGenObject.gi_iframe == kAbsent) return;
      put(at, l().PyGenObject.gi_frame_state, 0, 1);
      return fill_frame(behind(l().PyGenObject.gi_iframe), code_, 1);
    case TraverseRule::kLruCache: {
      const auto& e = l().lru_list_elem;
      const Address root = behind(l().lru_cache_object.root);
      const Address link = object(types["object"], static_cast<std::uint64_t>(e.size));
      put(root, e.next, link);
      put(link, e.next, root);
      put(link, e.key, some_);
      return put(link, e.result, other_);
    }
    case TraverseRule::kBuiltinMethod: {
      const Address def = room(l().PyMethodDef.size);
      put(def, l().PyMethodDef.ml_name, c_string("method"));
      put(def, l().PyMethodDef.ml_flags, 0x200, 4);
      put(at, l().PyCFunctionObject.m_ml, def);
      return put(at, l().PyCMethodObject.mm_class, types["list"]);
    }
    case TraverseRule::kElement: {
      const auto& e = l().ElementObjectExtra;
      const Address extra = room(e.size);
      put(at, l().ElementObject.text, value(some_) | 1);
      put(at, l().ElementObject.tail, other_);
      put(at, l().ElementObject.extra, extra);
      put(extra, e.attrib, other_);
      put(extra, e.length, 2);
      put(extra, e.allocated, 4);
      put(extra, e.children, extra + static_cast<std::uint64_t>(e.inline_children));
      return array(extra, e.inline_children, {some_, other_});
    }
    case TraverseRule::kTeeData:
      put(at, l().teedataobject.numread, 2, 4);
      return array(at, l().teedataobject.values, {some_, other_});
    case TraverseRule::kSimpleQueue: {
      if (l().simplequeueobject.items == kAbsent) return;
      const Address ring = raw(32);
      array(ring, 0, {some_, other_, some_, other_});
      put(at, l().simplequeueobject.items, ring);
      put(at, l().simplequeueobject.items_cap, 4);
      put(at, l().simplequeueobject.get_idx, 3);
      return put(at, l().simplequeueobject.num_items, 2);
    }
    case TraverseRule::kHamtBitmap:
      put(at, l().PyVarObject.ob_size, 2);
      return array(at, l().PyHamtNode_Bitmap.b_array, {some_, other_});
    case TraverseRule::kHamtArray:
      return array(at, l().PyHamtNode_Array.a_array, {some_, other_});
    case TraverseRule::kHamtCollision:
      put(at, l().PyVarObject.ob_size, 2);
      return array(at, l().PyHamtNode_Collision.c_array, {some_, other_});
    case TraverseRule::kCTypesType: {
      const auto& s = l().StgInfo;
      if (s.proto == kAbsent) return;
      const Address info = at + (static_cast<std::uint64_t>(l().PyHeapTypeObject.size) + 15) / 16 * 16;
      put(info, s.initialized, 1, 4);
      for (const std::int32_t o : {s.proto, s.argtypes, s.converters, s.restype, s.checker})
        put(info, o, some_);
      put(info, s.format, c_string("<i"));
      put(info, s.elements, some_);
      put(info, s.length, 2);
      return put(info, s.ndim, 1, 4);
    }
    case TraverseRule::kPickler: {
      const Address memo = room(l().PyMemoTable.size), table = room(4 * l().PyMemoEntry.size);
      put(at, l().PicklerObject.memo, memo);
      put(memo, l().PyMemoTable.mt_allocated, 4);
      put(memo, l().PyMemoTable.mt_table, table);
      return put(table, l().PyMemoEntry.size + l().PyMemoEntry.me_key, some_);
    }
    case TraverseRule::kUnpickler: {
      const auto& u = l().UnpicklerObject;
      const Address memo = raw(32);
      array(memo, 8, {some_, other_});
      put(at, u.memo, memo);
      put(at, u.memo_size, 4);
      put(at, u.marks, memo);
      put(at, u.marks_size, 4);
      return put(at, u.encoding, c_string("utf-8"));
    }
    case TraverseRule::kSqliteConnection: {
      if (l().callback_context.callable == kAbsent) return;
      const Address context = room(l().callback_context.size);
      put(context, l().callback_context.callable, some_);
      put(context, l().callback_context.module, other_);
      return put(at, l().pysqlite_Connection.trace_ctx, context);
    }
    case TraverseRule::kSqliteCache: {
      const Address node = object(types["object"], static_cast<std::uint64_t>(l().pysqlite_Node.size));
      return put(at, l().pysqlite_Cache.first, node);
    }
    case TraverseRule::kXmlParser: {
      const Address handlers = raw(22 * 8);
      array(handlers, 16, {some_, other_});
      return put(at, l().xmlparseobject.handlers, handlers);
    }
    case TraverseRule::kElementIterator: {
      const Address stack = raw(32);
      put(stack, 0, some_);
      put(stack, 16, other_);
      put(at, l().ElementIterObject.parent_stack, stack);
      return put(at, l().ElementIterObject.parent_stack_used, 2);
    }
    case TraverseRule::kRegexTemplate:
      put(at, l().PyVarObject.ob_size, 2);
      put(at, l().TemplateObject.items + 8, some_);
      return put(at, l().TemplateObject.items + 24, other_);
    case TraverseRule::kCapsule: {
      const Address pointer = raw(16);
      put(pointer, 0, types["list"]);
      put(at, l().PyCapsule.pointer, pointer);
      put(at, l().PyCapsule.name, c_string("_socket.CAPI"));
      return put(at, l().PyCapsule.traverse_func, next_traverse_);
    }
    case TraverseRule::kNumpyArray: {  // two items of an array of objects, of numpy 1
      const Address descr = raw(96), lengths = raw(8);
      put(descr, 24, 'O', 1);
      put(descr, 28, 17, 4);
      put(descr, 32, 8, 4);
      put(lengths, 0, 2);
      put(at, 24, 1, 4);
      put(at, 32, lengths);
      put(at, 56, descr);
      put(at, 64, 4, 4);
      return array(at, 16, {some_, other_});
    }
    case TraverseRule::kStringWriter: {
      if (l().PyUnicodeWriter.buffer == kAbsent) return;
      const Address writer = room(l().PyUnicodeWriter.size);
      put(writer, l().PyUnicodeWriter.buffer, some_);
      return put(at, l().stringio.writer, writer);
    }
    case TraverseRule::kTimeZone:
      put(at, l().PyDateTime_DateTime.hastzinfo, 1, 1);
      put(at, l().PyDateTime_DateTime.tzinfo, some_);
      return put(at, l().PyDateTime_Time.tzinfo, some_);
    case TraverseRule::kMethodCaller:
      put(at, l().methodcallerobject.vectorcall_args, some_);
      return put(at, l().methodcallerobject.vectorcall_kwnames, other_);
    case TraverseRule::kExecutor:
    case TraverseRule::kNone:
    case TraverseRule::kType:
    case TraverseRule::kCode:
    case TraverseRule::kFrame:
    case TraverseRule::kMemoryView:
    case TraverseRule::kAtexit:
    case TraverseRule::kDecimalState:
    case TraverseRule::kZoneInfoState:
      return;
  }
}

}  // namespace heapglass
