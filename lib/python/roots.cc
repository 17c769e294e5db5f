#include "lib/python/roots.h"

#include <algorithm>

namespace heapglass {
namespace {

// Pointer fields of PyInterpreterState that hold a reference, by their names over the versions.
constexpr std::string_view kInterpreterFields[] = {"modules|imports.modules",
                                                   "modules_by_index|imports.modules_by_index",
                                                   "sysdict",
                                                   "builtins",
                                                   "importlib|imports.importlib",
                                                   "import_func|imports.import_func",
                                                   "codec_search_path|codecs.search_path",
                                                   "codec_search_cache|codecs.search_cache",
                                                   "codec_error_registry|codecs.error_registry",
                                                   "dict",
                                                   "builtins_copy",
                                                   "sysdict_copy",
                                                   "before_forkers",
                                                   "after_forkers_parent",
                                                   "after_forkers_child",
                                                   "audit_hooks",
                                                   "warnings.filters",
                                                   "warnings.once_registry",
                                                   "warnings.default_action",
                                                   "warnings.context",
                                                   "gc.garbage",
                                                   "gc.callbacks",
                                                   "pyexitmodule",
                                                   "cached_objects.interned_strings",
                                                   "cached_objects.str_replace_inf",
                                                   "imports.lazy_import_func",
                                                   "imports.lazy_imports_filter",
                                                   "imports.lazy_modules",
                                                   "imports.lazy_pending_submodules",
                                                   "atexit.callbacks"};

constexpr std::string_view kThreadFields[] = {"dict",
                                              "async_exc",
                                              "current_exception",
                                              "curexc_type",
                                              "curexc_value",
                                              "curexc_traceback",
                                              "exc_state.exc_type",
                                              "exc_state.exc_value",
                                              "exc_state.exc_traceback",
                                              "context",
                                              "async_gen_firstiter",
                                              "async_gen_finalizer",
                                              "c_profileobj",
                                              "c_traceobj"};

constexpr std::uint64_t kSignals = 65;  // Py_NSIG on Linux

class FrameRoots final : public EdgeSink {
 public:
  FrameRoots(std::vector<PyRoot>& roots, std::string holder) : roots_(roots), holder_(std::move(holder)) {}

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i)
      roots_.push_back({edges[i].referent, RootKind::kFrame, holder_, edges[i], false});
  }
  std::vector<PyRoot>& roots_;
  std::string holder_;
};

// A ring of GC heads, one of which belongs to no object.
class CollectorList {
 public:
  // A list longer than the memory has room for goes in circles.
  CollectorList(const Objects& objects, Address head)
      : o_(objects),
        gc_(objects.layout().PyGC_Head),
        head_(head),
        most_(o_.image().heap_positions() / 32 + 1) {}

  // False where the list does not close.
  bool each(const std::function<void(Address)>& visit, ReadErrors& health) const {
    // Where it broke off, and before that: an object that is just being added may be linked on one side only.
    Address last = head_, before_last = head_;
    Address node = step(head_, gc_.gc_next);
    for (std::uint64_t n = 0; node != head_; ++n) {
      const std::optional<std::uint64_t> next =
          is_null(node) || n > most_ ? std::nullopt : o_.load<std::uint64_t>(node, gc_.gc_next);
      if (!next) {
        if (back_to(last, before_last, visit) && n <= most_) break;
        health.skip(Skip::kBrokenList, node);
        return false;
      }
      visit(object_of(node));
      before_last = last;
      last = node;
      node = Address{*next & ~kMarks};
    }
    return true;
  }

 private:
  // An object comes onto a list in four writes (_PyObject_GC_TRACK, pycore_object.h), and the process may
  // stand between any two of them; _gc_prev still tells what there is beyond. False where it leads to neither
  // of both.
  bool back_to(Address last, Address before_last, const std::function<void(Address)>& visit) const {
    if (gc_.gc_prev == kAbsent) return false;
    Address node = step(head_, gc_.gc_prev);
    for (std::uint64_t n = 0; node != last && node != before_last; ++n) {
      if (node == head_ || is_null(node) || n > most_ || !o_.load<std::uint64_t>(node, gc_.gc_prev))
        return false;
      visit(object_of(node));
      node = step(node, gc_.gc_prev);
    }
    return true;
  }
  // The low bits of _gc_next and _gc_prev are the collector's marks.
  Address step(Address node, std::int32_t link) const {
    return Address{value(o_.pointer(node, link)) & ~kMarks};
  }
  Address object_of(Address node) const { return node + static_cast<std::uint64_t>(gc_.size); }

  static constexpr std::uint64_t kMarks = 3;

  const Objects& o_;
  const decltype(PyLayout::PyGC_Head)& gc_;
  const Address head_;
  const std::uint64_t most_;
};

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::vector<PyRoot> read_roots(TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                               ReadErrors& health) {
  const Objects& o = types.objects();
  const PyLayout& l = o.layout();
  const LayoutSources sources(o.python().sources);
  const References references(types, health);
  std::vector<PyRoot> roots;
  // Each word of memory is a local or stack entry of one frame at most.
  std::uint64_t words_left = o.image().heap_positions() / 8 + 1;

  auto fields_of = [&](Address base, std::string_view structure, auto& paths, RootKind kind,
                       const std::string& holder) {
    for (const std::string_view path : paths) {
      const auto field = sources.field(structure, path);
      if (!field || field->offset > 1 << 30) continue;
      // Where the callbacks of atexit are in a C array the field is no object.
      if (path == "atexit.callbacks" && !o.python().rules.atexit_list) continue;
      const Address object = o.pointer(base, static_cast<std::int32_t>(field->offset));
      if (is_null(object)) continue;
      static std::vector<std::unique_ptr<FieldName>> names;
      const std::string name(path.substr(0, path.find('|')));
      auto known = std::find_if(names.begin(), names.end(), [&](const auto& n) { return n->name == name; });
      if (known == names.end()) {
        names.push_back(std::make_unique<FieldName>(FieldName{name}));
        known = std::prev(names.end());
      }
      roots.push_back(
          {object,
           kind,
           holder,
           {object, reinterpret_cast<std::uint64_t>(known->get()), EdgeKind::kField, EdgeClass::kOwned},
           false});
    }
  };

  auto add_item = [&](Address object, const std::string& holder, std::uint64_t i) {
    if (!is_null(object) && types.get(o.type_of(object)))
      roots.push_back(
          {object, RootKind::kInterpreter, holder, {object, i, EdgeKind::kIndex, EdgeClass::kOwned}, false});
  };
  // atexit_callback*[ncallbacks] of {func, args, kwargs} (Modules/atexitmodule.c), 3.10 to 3.13; before, the
  // module's state has them, later a list.
  auto atexit_callbacks = [&](Address interpreter) {
    const auto array = sources.field("PyInterpreterState|_is", "atexit.callbacks");
    const auto count = sources.field("PyInterpreterState|_is", "atexit.ncallbacks");
    if (!array || !count || o.python().rules.atexit_list) return;
    const Address callbacks = o.pointer(interpreter, static_cast<std::int32_t>(array->offset));
    const auto n = o.load<std::int32_t>(interpreter, static_cast<std::int32_t>(count->offset)).value_or(0);
    constexpr std::int32_t kMost = 100'000;
    for (std::int32_t i = 0; i < std::min(n, kMost); ++i) {
      const Address callback = o.pointer(callbacks, 8 * i);
      for (const std::int32_t field : {0, 8, 16})
        if (!is_null(callback)) add_item(o.pointer(callback, field), "atexit", static_cast<std::uint64_t>(i));
    }
  };
  // _signals_runtime_state.handlers, by signal: {tripped, func} (pycore_signal.h), 3.12+; before, a static
  // array of Modules/signalmodule.c has them.
  auto signal_handlers = [&] {
    const auto signals = sources.field("_PyRuntimeState|pyruntimestate", "signals");
    constexpr std::uint64_t kHandler = 16;
    if (!signals || signals->size < kSignals * kHandler) return;
    for (std::uint64_t i = 1; i < kSignals; ++i)
      add_item(o.pointer(o.python().runtime + signals->offset + i * kHandler, 8), "signal handlers", i);
  };
  signal_handlers();

  for (const PyInterpreter& interpreter : interpreters) {
    atexit_callbacks(interpreter.state);
    const std::string holder = "interpreter " + std::to_string(interpreter.id);
    fields_of(interpreter.state, "PyInterpreterState|_is", kInterpreterFields, RootKind::kInterpreter,
              holder);
    for (const PyThread& thread : interpreter.threads) {
      const std::string thread_name =
          "thread " + std::to_string(thread.native_id ? thread.native_id : thread.thread_id);
      fields_of(thread.tstate, "PyThreadState|_ts", kThreadFields, RootKind::kThreadState, thread_name);
      if (o.python().rules.frames == Frames::kObjects) {
        // Each frame keeps the one that called it; a way is best told from the frame that it leaves.
        for (const PyFrame& frame : thread.frames)
          roots.push_back({frame.frame,
                           RootKind::kFrame,
                           thread_name + ": " + base_name(frame.file) + ":" + std::to_string(frame.line) +
                               " in " + frame.function,
                           {frame.frame, 0, EdgeKind::kUnknown, EdgeClass::kOwned},
                           false});
        continue;
      }
      for (const PyFrame& frame : thread.frames) {
        FrameRoots sink(roots, thread_name + ": " + base_name(frame.file) + ":" + std::to_string(frame.line) +
                                   " in " + frame.function);
        references.visit_interpreter_frame(frame.frame, sink);
        sink.drain();
        // While a frame executes, how deep its value stack is stands in a register only, and so do the
        // locals' bounds: locals are read by the code's count, the stack's words as guesses.
        const bool has_top = l.PyInterpreterFrame.stacktop != kAbsent;
        const bool executing =
            has_top ? o.load<std::int32_t>(frame.frame, l.PyInterpreterFrame.stacktop).value_or(0) < 0
                    : is_null(o.pointer(frame.frame, l.PyInterpreterFrame.stackpointer));
        if (!executing) continue;
        const auto locals = o.load<std::int32_t>(frame.code, l.PyCodeObject.co_nlocalsplus).value_or(0);
        const auto stack = o.load<std::int32_t>(frame.code, l.PyCodeObject.co_stacksize).value_or(0);
        if (locals < 0 || stack < 0 || locals > 1 << 20 || stack > 1 << 20) {
          health.skip(Skip::kImplausibleSize, frame.frame);
          continue;
        }
        const std::uint64_t words = static_cast<std::uint64_t>(locals) + static_cast<std::uint64_t>(stack);
        const Address first = frame.frame + static_cast<std::uint64_t>(l.PyInterpreterFrame.localsplus);
        if (words > words_left || (words && !o.image().at(first, words * 8))) {
          health.skip(words > words_left ? Skip::kTooMany : Skip::kUnreadable, frame.frame);
          continue;
        }
        words_left -= words;
        const Address names = o.pointer(frame.code, l.PyCodeObject.co_localsplusnames);
        const std::int64_t name_count = is_null(names) ? 0 : o.ob_size(names);
        const std::string where = thread_name + ": " + base_name(frame.file) + ":" +
                                  std::to_string(frame.line) + " in " + frame.function;
        for (std::int32_t i = 0; i < locals + stack; ++i) {
          std::uint64_t word = value(o.pointer(frame.frame, l.PyInterpreterFrame.localsplus + 8 * i));
          if (o.python().rules.tagged_stack_refs) word = (word & 3) >= 2 ? 0 : word & ~std::uint64_t{3};
          const Address object{word};
          if (is_null(object)) continue;
          const bool local = i < locals;
          const Address name =
              local && i < name_count ? o.pointer(names, l.PyTupleObject.ob_item + 8 * i) : Address{};
          roots.push_back({object,
                           RootKind::kFrame,
                           where,
                           {object, local ? value(name) : static_cast<std::uint64_t>(i - locals),
                            local ? EdgeKind::kLocal : EdgeKind::kStack, EdgeClass::kOwned},
                           !local});
        }
      }
    }
  }
  // Static builtin types of the interpreter's own table: alive whether an instance exists or not.
  if (o.python().rules.static_type_state && !interpreters.empty()) {
    const Address main = o.pointer(o.python().runtime, l.PyRuntimeState.interpreters_main);
    for (const auto& [offset, count] : {std::pair{l.PyInterpreterState.static_types, 200},
                                        std::pair{l.PyInterpreterState.extension_types, 10}}) {
      if (offset == kAbsent) continue;
      for (int i = 0; i < count; ++i) {
        const Address type =
            o.pointer(main, offset + i * l.static_type_state.size + l.static_type_state.type);
        if (!is_null(type) && types.get(o.type_of(type)))
          roots.push_back({type,
                           RootKind::kStaticType,
                           "static type",
                           {type, 0, EdgeKind::kUnknown, EdgeClass::kOwned},
                           false});
      }
    }
  }
  return roots;
}

bool each_tracked(const Objects& o, const PyInterpreter& interpreter,
                  const std::function<void(Address)>& visit, ReadErrors& health, bool frozen) {
  const PyLayout& l = o.layout();
  const auto& gc = l.gc_runtime_state;
  std::vector<Address> heads;
  // generation0 points at the first head: it says where the array is better than any offset (3.13.0
  // and 3.13.18 differ by four bytes).
  Address generations = gc.generation0 != kAbsent ? o.pointer(interpreter.gc, gc.generation0) : Address{};
  if (is_null(generations) && gc.generations != kAbsent)
    generations = interpreter.gc + static_cast<std::uint64_t>(gc.generations);
  if (!is_null(generations))
    for (std::uint64_t i = 0; i < 3; ++i)
      heads.push_back(generations + i * static_cast<std::uint64_t>(l.gc_generation.size));
  if (frozen && gc.permanent_generation != kAbsent)
    heads.push_back(interpreter.gc + static_cast<std::uint64_t>(gc.permanent_generation));
  bool closed = true;
  for (const Address head : heads) closed &= CollectorList(o, head).each(visit, health);
  return closed;
}

bool is_tracked(const Objects& o, Address object, const TypeInfo& type) {
  if (!type.has_gc) return false;
  if (type.flags & kTpTypeSubclass && !(o.type_flags(object) & kTpHeapType)) return false;
  const PyLayout& l = o.layout();
  const Address head = object - static_cast<std::uint64_t>(l.PyGC_Head.size);
  if (l.PyGC_Head.gc_refs != kAbsent) {  // 3.7: _PyGC_REFS_UNTRACKED is -2
    const auto refs = o.load<std::int64_t>(head, l.PyGC_Head.gc_refs);
    return refs && *refs >> 1 != -2;
  }
  return o.load<std::uint64_t>(head, l.PyGC_Head.gc_next).value_or(0) != 0;
}

}  // namespace heapglass
