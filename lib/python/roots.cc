#include "lib/python/roots.h"

#include <algorithm>
#include <map>
#include <span>

#include "lib/python/static_words.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kSignals = 65;  // Py_NSIG on Linux
constexpr std::uint64_t kHandler = 16;  // bytes of a handler: {tripped, func}
constexpr const char* kSignalHandlers = "signal handlers";
constexpr std::uint64_t kMostOffset = 1 << 30;

// A C struct of the target that has roots.
struct RootOwner {
  Address address{};
  RootKind kind = RootKind::kInterpreter;
  std::string name;  // PyRoot::holder
};

struct RootSource;
constexpr std::uint64_t kCacheEntry = 24, kMostCacheEntries = 1 << 16;
constexpr std::string_view kTypeCache = "type_cache.hashtable|types.type_cache.hashtable";

class RootReader {
 public:
  RootReader(TypeTable& types, ReadErrors& errors)
      : types_(types),
        o_(types.objects()),
        l_(o_.layout()),
        traits_(o_.python().rules),
        sources_(o_.python().sources),
        references_(types, errors),
        errors_(errors),
        words_left_(o_.image().heap_positions() / 8 + 1) {}

  std::vector<PyRoot> read(const std::vector<PyInterpreter>& interpreters);

  // Readers of a RootSource.
  void reference(const RootOwner& owner, const RootSource& source, const FieldLayout& field);
  void atexit_array(const RootOwner& owner, const RootSource& source, const FieldLayout& field);
  void signal_handlers(const RootOwner& owner, const RootSource& source, const FieldLayout& field);
  void type_cache(const RootOwner& owner, const RootSource& source, const FieldLayout& field);

 private:
  void read_sources(std::string_view structure, std::span<const RootSource> table, const RootOwner& owner);
  void read_frames(const PyThread& thread, const std::string& thread_name, const std::string& label);
  void read_interpreter_frame(const PyFrame& frame, const std::string& name);
  void read_executing_frame(const PyFrame& frame, const std::string& name);
  void read_static_signal_handlers();
  void read_static_type_cache();
  void add_cached_names(const std::string& owner, Address first, std::uint64_t entries);
  bool looks_like_str(Address object) const;
  bool is_handler_array(Address first) const;
  void read_static_types();
  void read_types_of(const PyInterpreter& interpreter);
  bool is_executing(Address frame) const;
  Address stack_word(Address frame, std::int32_t i) const;
  void add_item(const std::string& owner, Address object, std::uint64_t i);

  TypeTable& types_;
  const Objects& o_;
  const PyLayout& l_;
  const VersionTraits& traits_;
  const LayoutSources sources_;
  const References references_;
  ReadErrors& errors_;
  std::vector<PyRoot> roots_;
  // Each word of memory is a local or stack entry of one frame at most.
  std::uint64_t words_left_;
};

// One field that has roots, of one struct.
struct RootSource {
  std::string_view path;  // alternatives by '|', as the versions name it; the first is the root's name
  void (RootReader::*read)(const RootOwner&, const RootSource&, const FieldLayout&) = &RootReader::reference;
  bool (*applies)(const VersionTraits& traits) = nullptr;  // nullptr: wherever the layout has the field
};

// atexit_callback*[ncallbacks] of 3.10 to 3.13. Before, the state of the module atexit has the callbacks;
// later they are a list.
bool has_atexit_array(const VersionTraits& traits) { return !traits.atexit_list; }
bool has_atexit_list(const VersionTraits& traits) { return traits.atexit_list; }

// The order of the tables is that of the roots, by which one of several equally short paths is chosen.
constexpr RootSource kRuntimeSources[] = {{"signals", &RootReader::signal_handlers}};

constexpr RootSource kInterpreterSources[] = {
    {"atexit.callbacks", &RootReader::atexit_array, has_atexit_array},
    {"modules|imports.modules"},
    {"modules_by_index|imports.modules_by_index"},
    {"sysdict"},
    {"builtins"},
    {"importlib|imports.importlib"},
    {"import_func|imports.import_func"},
    {"codec_search_path|codecs.search_path"},
    {"codec_search_cache|codecs.search_cache"},
    {"codec_error_registry|codecs.error_registry"},
    {"dict"},
    {"builtins_copy"},
    {"sysdict_copy"},
    {"before_forkers"},
    {"after_forkers_parent"},
    {"after_forkers_child"},
    {"audit_hooks"},
    {"warnings.filters"},
    {"warnings.once_registry"},
    {"warnings.default_action"},
    {"warnings.context"},
    {"gc.garbage"},
    {"gc.callbacks"},
    {"pyexitmodule"},
    {"cached_objects.interned_strings"},
    {"cached_objects.str_replace_inf"},
    {"imports.lazy_import_func"},
    {"imports.lazy_imports_filter"},
    {"imports.lazy_modules"},
    {"imports.lazy_pending_submodules"},
    {"atexit.callbacks", &RootReader::reference, has_atexit_list},
    {kTypeCache, &RootReader::type_cache}};

constexpr RootSource kThreadSources[] = {{"dict"},
                                         {"async_exc"},
                                         {"current_exception"},
                                         {"curexc_type"},
                                         {"curexc_value"},
                                         {"curexc_traceback"},
                                         {"exc_state.exc_type"},
                                         {"exc_state.exc_value"},
                                         {"exc_state.exc_traceback"},
                                         {"context"},
                                         {"async_gen_firstiter"},
                                         {"async_gen_finalizer"},
                                         {"c_profileobj"},
                                         {"c_traceobj"}};

// Takes the references of one frame as roots.
class FrameRoots final : public EdgeSink {
 public:
  FrameRoots(std::vector<PyRoot>& roots, const std::string& frame) : roots_(roots), frame_(frame) {}

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (const Edge& edge : std::span(edges, count))
      roots_.push_back({edge.referent, RootKind::kFrame, frame_, edge, false});
  }
  std::vector<PyRoot>& roots_;
  const std::string& frame_;
};

std::string name_of_frame(const std::string& thread, const PyFrame& frame) {
  return thread + ": " + frame.file.substr(frame.file.rfind('/') + 1) + ":" + std::to_string(frame.line) +
         " in " + frame.function;
}

std::vector<PyRoot> RootReader::read(const std::vector<PyInterpreter>& interpreters) {
  read_sources("_PyRuntimeState|pyruntimestate", kRuntimeSources,
               {o_.python().runtime, RootKind::kInterpreter, kSignalHandlers});
  if (!sources_.field("_PyRuntimeState|pyruntimestate", "signals")) read_static_signal_handlers();
  if (!sources_.field("PyInterpreterState|_is", kTypeCache)) read_static_type_cache();
  for (const PyInterpreter& interpreter : interpreters) {
    read_sources(
        "PyInterpreterState|_is", kInterpreterSources,
        {interpreter.state, RootKind::kInterpreter, "interpreter " + std::to_string(interpreter.id)});
    for (const PyThread& thread : interpreter.threads) {
      const std::string name =
          "thread " + std::to_string(thread.native_id ? thread.native_id : thread.thread_id);
      const std::string label =
          interpreter.id == 0 ? "" : " [interpreter " + std::to_string(interpreter.id) + "]";
      read_sources("PyThreadState|_ts", kThreadSources,
                   {thread.tstate, RootKind::kThreadState, name + label});
      read_frames(thread, name, label);
    }
    read_types_of(interpreter);
  }
  if (!interpreters.empty()) read_static_types();
  return std::move(roots_);
}

void RootReader::read_sources(std::string_view structure, std::span<const RootSource> table,
                              const RootOwner& owner) {
  for (const RootSource& source : table) {
    if (source.applies && !source.applies(traits_)) continue;
    const auto field = sources_.field(structure, source.path);
    if (field && field->offset <= kMostOffset) (this->*source.read)(owner, source, *field);
  }
}

// A PyObject*.
void RootReader::reference(const RootOwner& owner, const RootSource& source, const FieldLayout& field) {
  const Address object = o_.pointer(owner.address, static_cast<std::int32_t>(field.offset));
  if (is_null(object)) return;
  const std::uint64_t name = types_.field_name(source.path.substr(0, source.path.find('|')));
  roots_.push_back(
      {object, owner.kind, owner.name, {object, name, EdgeKind::kField, EdgeClass::kOwned}, false});
}

// atexit_callback*[ncallbacks] of {func, args, kwargs} (Modules/atexitmodule.c).
void RootReader::atexit_array(const RootOwner& owner, const RootSource&, const FieldLayout& field) {
  constexpr std::int32_t kMost = 100'000;
  const auto count = sources_.field("PyInterpreterState|_is", "atexit.ncallbacks");
  if (!count || count->offset > kMostOffset) return;
  const Address callbacks = o_.pointer(owner.address, static_cast<std::int32_t>(field.offset));
  const auto n = o_.load<std::int32_t>(owner.address, static_cast<std::int32_t>(count->offset)).value_or(0);
  for (std::int32_t i = 0; i < std::min(n, kMost); ++i) {
    const Address callback = o_.pointer(callbacks, 8 * i);
    if (is_null(callback)) continue;
    for (const std::int32_t member : {0, 8, 16})
      add_item("atexit", o_.pointer(callback, member), static_cast<std::uint64_t>(i));
  }
}

// _signals_runtime_state.handlers, by signal: {tripped, func} (pycore_signal.h), 3.12 and later. Before, a
// static array of Modules/signalmodule.c has them.
void RootReader::signal_handlers(const RootOwner& owner, const RootSource&, const FieldLayout& field) {
  if (field.size < kSignals * kHandler) return;
  for (std::uint64_t i = 1; i < kSignals; ++i)
    add_item(owner.name, o_.pointer(owner.address + field.offset + i * kHandler, 8), i);
}

// type_cache_entry[4096] of {version, name, value} (pycore_typeobject.h), 3.10 and later. A name is a strong
// reference, `value` is none. Most are strings that code has too; what C code looks up by a char* leaves a
// str of its own here, until another name takes its entry. None stands where no name was yet.
void RootReader::type_cache(const RootOwner& owner, const RootSource&, const FieldLayout& field) {
  add_cached_names(owner.name, owner.address + field.offset,
                   std::min(field.size / kCacheEntry, kMostCacheEntries));
}

void RootReader::add_cached_names(const std::string& owner, Address first, std::uint64_t entries) {
  const std::uint64_t label = types_.field_name(kTypeCache.substr(0, kTypeCache.find('|')));
  for (std::uint64_t i = 0; i < entries; ++i) {
    const Address name = o_.pointer(first + i * kCacheEntry, 8);
    // Who is never freed needs nobody; of the program's own strings only those that something uses are
    // objects here.
    if (!looks_like_str(name) || !types_.get(o_.type_of(name)) || o_.is_immortal(o_.refcount(name))) continue;
    roots_.push_back(
        {name, RootKind::kInterpreter, owner, {name, label, EdgeKind::kField, EdgeClass::kOwned}, false});
  }
}

// By the flags of its type alone: of a word that may be anything, the table of types would tell that it is no
// type.
bool RootReader::looks_like_str(Address object) const {
  return !is_null(object) && o_.flags_of(object) & kTpUnicodeSubclass;
}

// `method_cache` of Objects/typeobject.c to 3.9: the same entries, 4096 of them, in static memory, and named
// by no symbol of a stripped build. An entry that is not used has zeros, or None for a name.
void RootReader::read_static_type_cache() {
  constexpr std::uint64_t kEntries = 4096, kFewestNames = 64;
  enum { kNoEntry, kUnused, kNamed };
  const auto kind_of = [&](Address at) {
    const std::uint64_t version = value(o_.pointer(at, 0)), named = value(o_.pointer(at, 8)),
                        found = value(o_.pointer(at, 16));
    if (version > UINT32_MAX) return kNoEntry;
    if (version != 0 && looks_like_str(Address{named})) return kNamed;
    return version == 0 && found == 0 ? kUnused : kNoEntry;
  };
  Address looked_at{};  // the words up to here are of a run that is none
  any_static_word(o_, [&](Address at, std::uint64_t word) {
    const Address entry = at - 8;
    if (at < looked_at || word < 4096 || kind_of(entry) != kNamed) return false;
    std::uint64_t names = 0, before = 0, after = 0;
    while (before < kEntries && kind_of(entry - (before + 1) * kCacheEntry) != kNoEntry) ++before;
    Address first = entry - before * kCacheEntry;
    for (; after < 2 * kEntries; ++after) {
      const auto kind = kind_of(first + after * kCacheEntry);
      if (kind == kNoEntry) break;
      names += kind == kNamed;
    }
    looked_at = first + after * kCacheEntry;
    if (after < kEntries || names < kFewestNames) return false;
    add_cached_names("interpreter 0", first, after);
    return true;
  });
}

// `Handlers` of Modules/signalmodule.c to 3.11, {tripped, func} by signal: static, so that no symbol names it
// in a stripped build. The first is empty; every other one has an object, most of them that of SIG_DFL.
bool RootReader::is_handler_array(Address first) const {
  std::map<Address, std::uint64_t> by_object;
  for (std::uint64_t i = 0; i < kSignals; ++i) {
    const std::uint64_t tripped = value(o_.pointer(first + i * kHandler, 0));
    const Address object = o_.pointer(first + i * kHandler, 8);
    if (tripped > 1 || is_null(object) != (i == 0)) return false;
    ++by_object[object];
  }
  const auto most = std::max_element(by_object.begin(), by_object.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most->second > kSignals / 2 &&
         std::all_of(by_object.begin(), by_object.end(), [&](const auto& each) {
           return is_null(each.first) || types_.get(o_.type_of(each.first));
         });
}

void RootReader::read_static_signal_handlers() {
  Address first{};
  std::uint64_t before = 1;  // the word before: that of the first entry's object is empty
  any_static_word(o_, [&](Address at, std::uint64_t word) {
    const bool may_be = word == 0 && before == 0 && !is_null(o_.pointer(at, 16));
    before = word;
    if (!may_be || !is_handler_array(at - 8)) return false;
    first = at - 8;
    return true;
  });
  if (is_null(first)) return;
  for (std::uint64_t i = 1; i < kSignals; ++i)
    add_item(kSignalHandlers, o_.pointer(first + i * kHandler, 8), i);
}

// A word that C code may have left as it was: it is a root where it leads to an object.
void RootReader::add_item(const std::string& owner, Address object, std::uint64_t i) {
  if (is_null(object) || !types_.get(o_.type_of(object))) return;
  roots_.push_back(
      {object, RootKind::kInterpreter, owner, {object, i, EdgeKind::kIndex, EdgeClass::kOwned}, false});
}

void RootReader::read_frames(const PyThread& thread, const std::string& thread_name,
                             const std::string& label) {
  const bool objects = traits_.frames == Frames::kObjects;
  for (const PyFrame& frame : thread.frames) {
    const std::string name = name_of_frame(thread_name, frame) + label;
    if (!objects) {
      read_interpreter_frame(frame, name);
      continue;
    }
    // Each frame refers to the one that called it. All the same each is a root, so that a path starts at the
    // frame that it leaves.
    const Edge edge{frame.frame, 0, EdgeKind::kUnknown, EdgeClass::kOwned};
    roots_.push_back({frame.frame, RootKind::kFrame, name, edge, false});
  }
}

void RootReader::read_interpreter_frame(const PyFrame& frame, const std::string& name) {
  FrameRoots sink(roots_, name);
  references_.visit_interpreter_frame(frame.frame, sink);
  sink.drain();
  if (is_executing(frame.frame)) read_executing_frame(frame, name);
}

bool RootReader::is_executing(Address frame) const {
  const auto& f = l_.PyInterpreterFrame;
  if (f.stacktop != kAbsent) return o_.load<std::int32_t>(frame, f.stacktop).value_or(0) < 0;
  return is_null(o_.pointer(frame, f.stackpointer));
}

// While a frame executes, only a register has the depth of its value stack, and with it the end of the
// locals. The locals are read by the count of the code object, and the words of the whole stack as guesses.
void RootReader::read_executing_frame(const PyFrame& frame, const std::string& name) {
  constexpr std::int32_t kMost = 1 << 20;
  const auto locals = o_.load<std::int32_t>(frame.code, l_.PyCodeObject.co_nlocalsplus).value_or(0);
  const auto stack = o_.load<std::int32_t>(frame.code, l_.PyCodeObject.co_stacksize).value_or(0);
  if (locals < 0 || stack < 0 || locals > kMost || stack > kMost)
    return errors_.skip(Skip::kImplausibleSize, frame.frame);
  const std::uint64_t words = static_cast<std::uint64_t>(locals) + static_cast<std::uint64_t>(stack);
  const Address first = frame.frame + static_cast<std::uint64_t>(l_.PyInterpreterFrame.localsplus);
  if (words > words_left_) return errors_.skip(Skip::kTooMany, frame.frame);
  if (words && !o_.image().at(first, words * 8)) return errors_.skip(Skip::kUnreadable, frame.frame);
  words_left_ -= words;

  const Address names = o_.pointer(frame.code, l_.PyCodeObject.co_localsplusnames);
  const std::int64_t name_count = is_null(names) ? 0 : o_.ob_size(names);
  for (std::int32_t i = 0; i < locals + stack; ++i) {
    const Address object = stack_word(frame.frame, i);
    if (is_null(object)) continue;
    Edge edge{object, 0, EdgeKind::kLocal, EdgeClass::kOwned};
    const bool local = i < locals;
    if (!local) {
      edge.kind = EdgeKind::kStack;
      edge.payload = static_cast<std::uint64_t>(i - locals);
    } else if (i < name_count) {
      edge.payload = value(o_.pointer(names, l_.PyTupleObject.ob_item + 8 * i));
    }
    roots_.push_back({object, RootKind::kFrame, name, edge, !local});
  }
}

Address RootReader::stack_word(Address frame, std::int32_t i) const {
  const std::uint64_t word = value(o_.pointer(frame, l_.PyInterpreterFrame.localsplus + 8 * i));
  if (!traits_.tagged_stack_refs) return Address{word};
  return (word & 3) >= 2 ? Address{} : Address{word & ~std::uint64_t{3}};
}

// Static builtin types of the interpreter's own table: they are alive whether an instance exists or not.
void RootReader::read_static_types() {
  if (!traits_.static_type_state) return;
  const Address main = o_.pointer(o_.python().runtime, l_.PyRuntimeState.interpreters_main);
  for (const auto& [offset, count] : {std::pair{l_.PyInterpreterState.static_types, 200},
                                      std::pair{l_.PyInterpreterState.extension_types, 10}}) {
    if (offset == kAbsent) continue;
    for (int i = 0; i < count; ++i) {
      const Address type =
          o_.pointer(main, offset + i * l_.static_type_state.size + l_.static_type_state.type);
      if (is_null(type) || !types_.get(o_.type_of(type))) continue;
      const Edge edge{type, 0, EdgeKind::kUnknown, EdgeClass::kOwned};
      roots_.push_back({type, RootKind::kStaticType, "static type", edge, false});
    }
  }
}

// What a static type has in an interpreter of its own: the type itself leads to the main interpreter's.
void RootReader::read_types_of(const PyInterpreter& interpreter) {
  if (!traits_.static_type_state || interpreter.id == 0) return;
  const auto& state = l_.static_type_state;
  const std::string name = "interpreter " + std::to_string(interpreter.id);
  static constexpr std::string_view kNames[] = {"tp_dict", "tp_subclasses", "tp_weaklist"};
  for (const auto& [offset, count] : {std::pair{l_.PyInterpreterState.static_types, 200},
                                      std::pair{l_.PyInterpreterState.extension_types, 10}}) {
    if (offset == kAbsent) continue;
    for (int i = 0; i < count; ++i) {
      const std::int64_t at = offset + std::int64_t{i} * state.size;
      const Address entry = interpreter.state + static_cast<std::uint64_t>(at);
      if (is_null(o_.pointer(entry, state.type))) continue;
      const std::int32_t fields[] = {state.tp_dict, state.tp_subclasses, state.tp_weaklist};
      for (std::size_t f = 0; f < std::size(fields); ++f) {
        const Address object = fields[f] == kAbsent ? Address{} : o_.pointer(entry, fields[f]);
        if (is_null(object) || !types_.get(o_.type_of(object))) continue;
        const Edge edge{object, types_.field_name(kNames[f]), EdgeKind::kField, EdgeClass::kOwned};
        roots_.push_back({object, RootKind::kInterpreter, name, edge, false});
      }
    }
  }
}

}  // namespace

std::vector<PyRoot> read_roots(TypeTable& types, const std::vector<PyInterpreter>& interpreters,
                               ReadErrors& errors) {
  return RootReader(types, errors).read(interpreters);
}

}  // namespace heapglass
