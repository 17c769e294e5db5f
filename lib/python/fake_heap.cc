#include "lib/python/fake_heap.h"

#include <cstring>

namespace heapglass {
namespace {

constexpr std::uint64_t kSubtypeTraverse = 0x5000'0030;

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
