#include "lib/python/fake_heap.h"

#include <cstring>

namespace heapglass {
namespace {

constexpr std::uint64_t kSubtypeTraverse = 0x5000'0030, kStructseqTraverse = 0x5000'0040;

// "builtins.dict" -> "dict", as static types spell their names.
std::string tp_name_of(std::string_view name) {
  constexpr std::string_view kBuiltins = "builtins.";
  return std::string(name.starts_with(kBuiltins) ? name.substr(kBuiltins.size()) : name);
}

bool has_sizeof(std::string_view name) {
  for (const SizeRow& row : size_rows())
    if (row.owner == name) return true;
  return false;
}

template <class Visit>
void each_word(std::string_view words, Visit visit) {
  while (!words.empty()) {
    const std::size_t space = words.find(' ');
    if (space != 0) visit(words.substr(0, space));
    if (space == std::string_view::npos) return;
    words.remove_prefix(space + 1);
  }
}

}  // namespace

FakeHeap::FakeHeap(std::uint32_t hexversion, unsigned part, unsigned parts) : FakeObjects(hexversion) {
  python.runtime = raw(static_cast<std::uint64_t>(l().PyRuntimeState.size));
  interpreter = raw(static_cast<std::uint64_t>(l().PyInterpreterState.size));
  make_core_types();
  some_ = list({str("a"), integer(7), tuple({str("b")})});
  other_ = dict({{str("key"), some_}, {integer(1), str("two")}}, true);
  loose_ = {some_, other_, bytes("bytes")};
  code_ = code();
  make_rows(part, parts);
  make_python_classes();
  make_threads();
  track_everything();
  seal();
}

void FakeHeap::make_core_types() {
  types["type"] = Address{};
  types["type"] = type_space();
  put(types["type"], l().PyObject.ob_type, types["type"]);
  struct Core {
    const char* name;
    std::int32_t basicsize;
    std::uint64_t itemsize, flags;
    bool traverse;
  };
  const Core core[] = {
      {"object", l().PyObject.size, 0, 0, false},
      {"type", l().PyHeapTypeObject.size, static_cast<std::uint64_t>(l().PyMemberDef.size),
       kTpHaveGc | kTpTypeSubclass, true},
      {"dict", l().PyDictObject.size, 0, kTpHaveGc | kTpDictSubclass, true},
      {"list", l().PyListObject.size, 0, kTpHaveGc | kTpListSubclass, true},
      {"tuple", l().PyTupleObject.ob_item, 8, kTpHaveGc | kTpTupleSubclass, true},
      {"str", l().PyUnicodeObject.size, 0, kTpUnicodeSubclass, false},
      {"bytes", l().PyBytesObject.ob_sval + 1, 1, kTpBytesSubclass, false},
      {"int", l().PyLongObject.ob_digit, 4, kTpLongSubclass, false},
      {"float", l().PyFloatObject.size, 0, 0, false},
      {"method_descriptor", 64, 0, kTpHaveGc, true},
  };
  for (const Core& c : core)
    if (!types.count(c.name)) types[c.name] = type_space();
  const Address tells_size = object(types["method_descriptor"], 64);
  int index = 0;
  for (const Core& c : core) {
    Type t{c.name, static_cast<std::uint64_t>(c.basicsize), c.itemsize, c.flags | kTpReady};
    if (c.traverse) t.traverse = Address{next_traverse_ += 16};
    if (std::string_view(c.name) != "object") t.base = types["object"];
    if (has_sizeof(std::string("builtins.") + c.name)) t.items.push_back({str("__sizeof__"), tells_size});
    const Address at = types[c.name];
    if (python.rules.static_type_state) t.flags |= kTpStaticBuiltin;
    fill_type(at, t);
    if (!python.rules.static_type_state) continue;
    // The dict is the interpreter's, by an index that stands for the subclasses.
    const auto& s = l().static_type_state;
    const std::int32_t entry = l().PyInterpreterState.static_types + index++ * s.size;
    put(at, l().PyTypeObject.tp_subclasses, static_cast<std::uint64_t>(index));
    put(interpreter, entry + s.type, at);
    put(interpreter, entry + s.tp_dict, get(at, l().PyTypeObject.tp_dict));
  }
  if (!python.rules.log2_keys)
    put(types["object"], l().PyTypeObject.tp_subclasses, dict({{integer(5), str("weak")}}, true));
  types["__sizeof__"] = tells_size;
}

Address FakeHeap::module(const std::string& name, const Items& items) {
  const Address at = object(types["module"], static_cast<std::uint64_t>(l().PyModuleObject.size));
  put(at, l().PyModuleObject.md_dict, dict(items));
  put(at, l().PyModuleObject.md_name, str(name));
  return at;
}

Address FakeHeap::code() {
  const auto& c = l().PyCodeObject;
  types["code"] = type_space();
  Type t{"code", static_cast<std::uint64_t>(c.size), 0, kTpReady};
  t.items.push_back({str("__sizeof__"), types["__sizeof__"]});
  fill_type(types["code"], t);
  const Address at = object(types["code"], static_cast<std::uint64_t>(c.size) + 64, 4);
  put(at, c.co_firstlineno, 10, 4);
  for (const std::int32_t count : {c.co_nlocals, c.co_nlocalsplus, c.co_stacksize}) put(at, count, 2, 4);
  put(at, c.co_localsplusnames, tuple({str("x"), str("y")}));
  put(at, c.co_localspluskinds, bytes("  "));
  put(at, c.co_varnames, tuple({str("x"), str("y")}));
  put(at, c.co_cellvars, tuple({str("cell")}));
  put(at, c.co_freevars, tuple({str("free")}));
  put(at, c.co_code, bytes("abcd"));
  put(at, c.co_lnotab, bytes(std::string_view("\0\1\4\377", 4)));
  put(at, c.co_linetable,
      bytes(c.co_code_adaptive == kAbsent ? std::string_view("\2\1\4\200", 4)
                                          : std::string_view("\xe8\2\xf0\2\0\0\0\x80\1", 9)));
  put(at, c.co_filename, str("/app/made_up.py"));
  put(at, c.co_name, str("work"));
  put(at, c.co_qualname, str("App.work"));
  instances["code"] = at;
  loose_.push_back(at);
  return at;
}

void FakeHeap::fill_frame(Address frame, Address of, unsigned owner) {
  const auto& f = l().PyInterpreterFrame;
  put(frame, f.f_code, of);
  put(frame, f.f_func, other_);
  put(frame, f.f_globals, other_);
  put(frame, f.f_builtins, other_);
  put(frame, f.f_locals, other_);
  put(frame, f.prev_instr, of + static_cast<std::uint64_t>(l().PyCodeObject.co_code_adaptive));
  put(frame, f.stacktop, 3, 4);
  put(frame, f.stackpointer, frame + static_cast<std::uint64_t>(f.localsplus) + 24);
  put(frame, f.owner, owner, 1);
  array(frame, f.localsplus, {some_, other_, some_});
}

Address FakeHeap::frame_object(Address back) {
  const auto& f = l().PyFrameObject;
  const Address at = object(types["frame"], static_cast<std::uint64_t>(f.size) + 128);
  put(at, f.f_back, back);
  put(at, f.f_code, code_);
  put(at, f.f_trace, some_);
  for (const std::int32_t o : {f.f_builtins, f.f_globals, f.f_locals, f.f_locals_cache, f.f_extra_locals})
    put(at, o, other_);
  if (f.f_frame != kAbsent) {
    const Address inside = at + static_cast<std::uint64_t>(f.f_frame_data);
    put(at, f.f_frame, inside);
    fill_frame(inside, code_, 2);
    return at;
  }
  put(at, l().PyVarObject.ob_size, 6);
  array(at, f.f_localsplus, {some_, other_, some_, other_, some_});
  const Address stack = at + static_cast<std::uint64_t>(f.f_localsplus) + 32;
  put(at, f.f_valuestack, stack);
  put(at, f.f_stackdepth, 1, 4);
  put(at, f.f_stacktop, stack + 8);
  put(at, f.f_lasti, 2, 4);
  return at;
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
    each_word(row.visits, [&](std::string_view path) {
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
    each_word(fields, [&](std::string_view path) {
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

void FakeHeap::make_python_classes() {
  const auto& p = l().PyTypeObject;
  const auto& h = l().PyHeapTypeObject;
  const Address module_name = str("made_up");
  auto python_class = [&](const char* name, Type t) {
    const Address at = type_space();
    t.name = name;
    t.flags |= kTpHeapType;
    t.traverse = Address{kSubtypeTraverse};
    if (is_null(t.base)) t.base = types["object"];
    t.items.push_back({str("__module__"), module_name});
    t.items.push_back({str("__qualname__"), str(name)});
    fill_type(at, t);
    put(at, h.ht_name, str(name));
    put(at, h.ht_qualname, str(name));
    types[name] = at;
    loose_.push_back(at);
    return at;
  };
  const Values values = python.rules.values;
  const bool managed = values != Values::kDictPointer;
  const Address shared = keys({{str("attribute"), Address{}}, {str("another"), Address{}}});
  const Address split = raw(64);
  array(split, static_cast<std::int32_t>(l().PyDictValues.values == kAbsent ? 0 : l().PyDictValues.values),
        {some_, other_});

  // An instance with its attributes in values, and one with a dict.
  Type plain;
  plain.basicsize = 16 + (managed ? 0 : 8);
  if (managed) plain.flags |= kTpManagedDict;
  if (values == Values::kInline) plain.flags |= kTpInlineValues;
  const Address cls = python_class("Plain", plain);
  put(cls, p.tp_dictoffset, managed ? ~std::uint64_t{0} : 16);
  put(cls, h.ht_cached_keys, shared);
  for (const bool with_dict : {false, true}) {
    const Address at = object(cls, 16 + 64);
    const Address front = at - static_cast<std::uint64_t>(l().PyGC_Head.size) - 8;
    Address own = with_dict ? dict({{str("attribute"), some_}}) : Address{};
    if (!managed) {
      if (!with_dict) {
        own = object(types["dict"], static_cast<std::uint64_t>(l().PyDictObject.size));
        put(own, l().PyDictObject.ma_used, 2);
        put(own, l().PyDictObject.ma_keys, shared);
        put(own, l().PyDictObject.ma_values, split);
      }
      put(at, 16, own);
    } else if (with_dict) {
      put(front, 0, own);
    } else if (values == Values::kPreHeaderPair) {
      put(front - 8, 0, split);
    } else if (values == Values::kTaggedWord) {
      put(front, 0, value(split) - 1);
    } else {
      put(at, 16 + l().PyDictValues.capacity, 2, 1);
      put(at, 16 + l().PyDictValues.valid, 1, 1);
      put(at, 16 + l().PyDictValues.embedded, 1, 1);
      array(at, 16 + l().PyDictValues.values, {some_, other_});
    }
    loose_.push_back(at);
  }

  Type slotted;
  slotted.basicsize = 32;
  const Address slots = python_class("Slotted", slotted);
  put(slots, l().PyVarObject.ob_size, 2);
  for (std::int32_t i = 0; i < 2; ++i) {
    const std::int32_t member = h.size + i * l().PyMemberDef.size;
    put(slots, member + l().PyMemberDef.name, c_string("slot"));
    put(slots, member + l().PyMemberDef.type, 16, 4);
    put(slots, member + l().PyMemberDef.offset, static_cast<std::uint64_t>(16 + 8 * i));
  }
  const Address with_slots = object(slots, 32);
  array(with_slots, 16, {some_, other_});
  loose_.push_back(with_slots);

  // Its dict lies behind the items.
  Type variable;
  variable.basicsize = static_cast<std::uint64_t>(l().PyTupleObject.ob_item) + 8;
  variable.itemsize = 8;
  variable.flags |= kTpTupleSubclass;
  variable.base = types["tuple"];
  variable.mro = {types["tuple"]};
  const Address longer = python_class("Longer", variable);
  put(longer, p.tp_dictoffset, ~std::uint64_t{0} - 7);
  const Address of_two = object(longer, 64, 2);
  array(of_two, l().PyTupleObject.ob_item, {some_, other_, dict({{str("attribute"), some_}})});
  loose_.push_back(of_two);

  python_class("ModuleSpec", Type{});
}

void FakeHeap::make_threads() {
  const auto& r = l().PyRuntimeState;
  const auto& i = l().PyInterpreterState;
  const auto& t = l().PyThreadState;
  put(python.runtime, r.interpreters_head, interpreter);
  put(python.runtime, r.interpreters_main, interpreter);
  const Address bootstrap = module("_frozen_importlib", {{str("ModuleSpec"), types["ModuleSpec"]}});
  put(interpreter, i.modules,
      dict({{str("_frozen_importlib"), bootstrap},
            {str("sys"), module("sys", {})},
            {str("made_up"), bootstrap}}));
  types["sys.version_info"] = type_space();
  Type version_info{"sys.version_info", static_cast<std::uint64_t>(l().PyTupleObject.ob_item) + 16, 8};
  // 3.7 has no traverse of their own for them.
  version_info.traverse = !python.rules.structseq_has_traverse
                              ? Address{get(types["tuple"], l().PyTypeObject.tp_traverse)}
                              : Address{kStructseqTraverse};
  version_info.base = types["tuple"];
  version_info.items = {{str("n_fields"), integer(2)}};
  fill_type(types["sys.version_info"], version_info);
  const Address info = object(types["sys.version_info"], 64, 2);
  array(info, l().PyTupleObject.ob_item, {integer(3), integer(python.hexversion >> 16 & 255)});
  put(interpreter, i.sysdict,
      dict({{str("version_info"), info},
            {str("hexversion"), integer(python.hexversion | 0xf0)},
            {str("everything"), list(loose_)}}));
  put(interpreter, i.builtins,
      dict({{str("len"), some_}, {str("int"), types["int"]}, {str("None"), other_}}));

  Address previous{};
  for (unsigned n = 0; n < 2; ++n) {
    const Address tstate = raw(static_cast<std::uint64_t>(t.size));
    put(tstate, t.next, previous);
    put(tstate, t.thread_id, 0x7000 + n);
    put(tstate, t.native_thread_id, 100 + n);
    put(tstate, t.exc_value, some_);
    if (python.rules.frames == Frames::kObjects) {
      put(tstate, t.frame, frame_object(frame_object(Address{})));
    } else {
      const std::uint64_t size = static_cast<std::uint64_t>(l().PyInterpreterFrame.size) + 64;
      const Address outer = raw(size), inner = raw(size);
      fill_frame(outer, code_, 0);
      fill_frame(inner, code_, 0);
      put(inner, l().PyInterpreterFrame.previous, outer);
      // The inner one executes: where its stack ends only a register says.
      put(inner, l().PyInterpreterFrame.stacktop, ~std::uint32_t{0}, 4);
      put(inner, l().PyInterpreterFrame.stackpointer, 0);
      const Address cframe = raw(32);
      put(cframe, l().PyCFrame.current_frame, inner);
      put(tstate, t.cframe, cframe);
      put(tstate, t.current_frame, inner);
    }
    threads.push_back(tstate);
    previous = tstate;
  }
  put(interpreter, i.threads_head, previous);
}

void FakeHeap::track_everything() {
  const auto& g = l().gc_runtime_state;
  const Address gc = l().PyInterpreterState.gc != kAbsent
                         ? interpreter + static_cast<std::uint64_t>(l().PyInterpreterState.gc)
                         : python.runtime + static_cast<std::uint64_t>(l().PyRuntimeState.gc);
  const Address generations = gc + static_cast<std::uint64_t>(g.generations);
  const std::int32_t next = l().PyGC_Head.gc_next, prev = l().PyGC_Head.gc_prev;
  put(gc, g.enabled, 1, 4);
  put(gc, g.generation0, generations);
  const Address youngest = generations,
                middle = youngest + static_cast<std::uint64_t>(l().gc_generation.size),
                oldest = middle + static_cast<std::uint64_t>(l().gc_generation.size),
                frozen = gc + static_cast<std::uint64_t>(g.permanent_generation);
  for (const Address head : {youngest, middle, oldest, frozen}) {
    put(head, next, head);
    put(head, prev, head);
  }
  Address last = youngest;
  for (const Address each : loose_) {
    const Address head = each - static_cast<std::uint64_t>(l().PyGC_Head.size);
    put(last, next, head);
    put(head, prev, last);
    put(head, next, youngest);
    put(youngest, prev, head);
    last = head;
  }
}

void FakeHeap::seal() {
  size_ = bytes_.size();
  sealed_.reset(new std::byte[size_]);
  std::memcpy(sealed_.get(), bytes_.data(), size_);
  bytes_ = {};
  image->add({kStart, size_, sealed_.get(), true, 0}, nullptr);
  image->seal();
}

}  // namespace heapglass
