#include "lib/python/runtime.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <span>

#include "lib/base/error.h"
#include "lib/python/builtin_layouts.h"
#include "lib/python/c_types.h"
#include "lib/python/debug_offsets.h"
#include "lib/python/python_name.h"
#include "lib/python/runtime_stage.h"

namespace heapglass {

std::vector<std::string> wanted_structs() {
  std::vector<std::string> names = layout_struct_names();
  auto add = [&](std::string_view alternatives) {
    while (!alternatives.empty()) {
      const std::size_t bar = alternatives.find('|');
      names.emplace_back(alternatives.substr(0, bar));
      if (bar == std::string_view::npos) return;
      alternatives.remove_prefix(bar + 1);
    }
  };
  for (const CTypeRow& row : c_type_rows()) add(row.structure);
  for (const ModuleStateRow& row : module_state_rows()) add(row.structure);
  add("PyTryBlock|ThreadHandle|PyThreadHandleObject|_PyRecursiveMutex|PyMutex");  // of blocks and locks
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

namespace {

struct Found {
  const Binary* binary = nullptr;
  Address runtime{};
  std::string how;
};

// Where each file says its _PyRuntime is: the symbol, which every build exports, or the section that holds
// nothing else (3.10+). The full symbol tables are searched only where no file exports it: reading those of
// every library takes longer than all the rest.
std::vector<Found> candidates(const std::vector<const Binary*>& binaries) {
  std::vector<Found> found;
  for (const Binary* binary : binaries) {
    if (const auto symbol = binary->symbols().find_exported("_PyRuntime")) {
      found.push_back({binary, symbol->address, "exported symbol _PyRuntime"});
    } else if (const auto section = binary->section(".PyRuntime")) {
      found.push_back({binary, section->address, "section .PyRuntime"});
    }
  }
  if (!found.empty()) return found;
  for (const Binary* binary : binaries)
    if (const auto symbol = binary->symbols().find("_PyRuntime"))
      found.push_back({binary, symbol->address, "symbol _PyRuntime"});
  return found;
}

std::string supported_text() {
  const auto versions = supported_versions();
  const Version &first = versions.front(), &last = versions.back();
  return std::to_string(first.major) + "." + std::to_string(first.minor) + " to " +
         std::to_string(last.major) + "." + std::to_string(last.minor);
}

// Several files of one build: a struct is that of the first that has it.
class FirstOf final : public StructSource {
 public:
  explicit FirstOf(std::vector<const StructSource*> sources) : sources_(std::move(sources)) {}
  const StructLayout* find(std::string_view name) const override {
    for (const StructSource* source : sources_)
      if (const StructLayout* found = source->find(name)) return found;
    return nullptr;
  }
  std::string description() const override {
    const std::size_t others = sources_.size() - 1;
    return sources_.front()->description() +
           (others ? " and of " + std::to_string(others) + " extension modules" : std::string());
  }

 private:
  std::vector<const StructSource*> sources_;
};

// sys.hexversion, by the interpreter's own dict: the word of versions that export no number (to 3.10). 0: not
// found.
std::uint32_t hexversion_in_sys(const MemoryReader& memory, const PyLayout& l, Address runtime) {
  auto word = [&](Address base, std::int32_t offset) {
    return read_as<std::uint64_t>(memory, base + static_cast<std::uint64_t>(offset)).value_or(0);
  };
  const Address interpreter{word(runtime, l.PyRuntimeState.interpreters_main)};
  const Address sysdict{word(interpreter, l.PyInterpreterState.sysdict)};
  const Address keys{word(sysdict, l.PyDictObject.ma_keys)};
  const std::uint64_t slots = word(keys, l.PyDictKeysObject.dk_size);
  const std::uint64_t entries = word(keys, l.PyDictKeysObject.dk_nentries);
  if (slots > 1 << 16 || entries > slots) return 0;
  constexpr std::uint64_t kEntry = 24;  // {hash, key, value}
  const Address first =
      keys + static_cast<std::uint64_t>(l.PyDictKeysObject.dk_indices) + slots * (slots <= 0xff ? 1 : 2);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const Address key{word(first + i * kEntry, 8)};
    if (word(key, l.PyASCIIObject.length) != 10) continue;
    if (read_c_string(memory, key + static_cast<std::uint64_t>(l.PyASCIIObject.size), 11) != "hexversion")
      continue;
    // An int of two digits of 30 bits.
    const Address number{word(first + i * kEntry, 16)};
    const auto low =
        read_as<std::uint32_t>(memory, number + static_cast<std::uint64_t>(l.PyLongObject.ob_digit));
    const auto high =
        read_as<std::uint32_t>(memory, number + static_cast<std::uint64_t>(l.PyLongObject.ob_digit) + 4);
    if (!low || !high || *low >> 30) return 0;
    const bool two = word(number, l.PyVarObject.ob_size) == 2;
    return two ? *high << 30 | *low : *low;
  }
  return 0;
}

// The release, of versions that export no number (to 3.10): the first layout with which the process tells one
// that the layout is for. `known` is major and minor, or 0. 0: not found.
std::uint32_t hexversion_by_layouts(const MemoryReader& memory, Address runtime, std::uint32_t known,
                                    bool py_debug, const StructSource* dwarf) {
  for (const Version& version : supported_versions()) {
    const std::uint32_t minor = hexversion_of(version.major, version.minor);
    if (known ? known != minor : version.rules.exports_version) continue;
    std::vector<const StructSource*> tries = builtin_layouts_of_minor(minor, py_debug);
    if (dwarf) tries.insert(tries.begin(), dwarf);
    for (const StructSource* source : tries) {
      PyRuntime python;
      python.runtime = runtime;
      python.sources = {source};
      python.layout = load_layout(LayoutSources({source})).layout;
      if (!python.self_check(memory).empty()) continue;
      const std::uint32_t said = hexversion_in_sys(memory, python.layout, runtime);
      if (said >> 16 == minor >> 16) return said;
    }
  }
  return 0;
}

}  // namespace

namespace {

enum class Reading { kQuick, kFull };

[[noreturn]] void refuse_to_read(const std::string& what) {
  throw Error(
      ErrorKind::kNotPython,
      "this process runs " + what + ", which heapglass does not read (CPython " + supported_text() + ")",
      "see the README for the versions that it reads");
}

// A Python that has no _PyRuntime: its name, or nothing.
std::string other_python(const MemoryReader& memory, const std::vector<const Binary*>& binaries) {
  const PythonName name = name_python(memory, binaries);
  if (name.implementation != "CPython") return name.implementation;
  return name.version.empty() ? "a CPython older than 3.7" : "CPython " + name.version;
}

struct Fit {
  bool fits = false;
  bool starting = false;  // no interpreter is ready; the layout may be right
  std::string why_not;
};

// The layout of `certain` and the first of `tables` that the process does not contradict, into `python`.
Fit fit_layout(PyRuntime& python, const MemoryReader& memory, const std::vector<const StructSource*>& certain,
               const std::vector<const StructSource*>& tables, const StructSource* builtin) {
  Fit fit;
  for (const StructSource* table : tables) {
    python.sources = certain;
    if (table) python.sources.push_back(table);
    python.layout_source.clear();
    for (const StructSource* source : python.sources)
      if (python.layout_source.size() < 200)
        python.layout_source += (python.layout_source.empty() ? "" : " + ") + source->description();
    if (table && table != builtin)
      python.layout_source += ", nearest to " + python.version + " of those that fit";
    const LoadedLayout loaded = load_layout(LayoutSources(python.sources));
    std::string wrong;
    if (!loaded.conflicts.empty()) {
      const LayoutConflict& c = loaded.conflicts.front();
      wrong = c.field + " is " + std::to_string(c.first) + " by " + c.first_source + " and " +
              std::to_string(c.second) + " by " + c.second_source;
    } else {
      python.layout = loaded.layout;
      // The process runs on while we look: what was caught half made is right at another try.
      for (int attempt = 0; attempt < 3; ++attempt) {
        wrong = python.self_check(memory);
        fit.fits = wrong.empty();
        if (fit.fits) return fit;
      }
      fit.starting |= stage_of(python, memory) == RuntimeStage::kStarting;
    }
    fit.why_not += (fit.why_not.empty() ? "" : "; ") + python.layout_source + ": " + wrong;
  }
  return fit;
}

PyRuntime find_runtime(const MemoryReader& memory, const std::vector<const Binary*>& binaries,
                       Reading reading) {
  const std::vector<Found> all = candidates(binaries);
  if (all.empty()) {
    if (const std::string other = other_python(memory, binaries); !other.empty()) refuse_to_read(other);
    throw Error(ErrorKind::kNotPython,
                "no CPython in this process: none of its " + std::to_string(binaries.size()) +
                    " programs and libraries has _PyRuntime",
                "CPython 3.7 and newer have it; is this the right process?");
  }
  std::string reasons, not_read, starting;
  for (const Found& found : all) {
    PyRuntime python;
    python.runtime = found.runtime;
    python.binary = found.binary;
    python.how_found = found.how + " of " + found.binary->path();
    std::shared_ptr<const DebugOffsets> own;
    if (auto offsets = read_debug_offsets(memory, found.runtime)) {
      own = std::make_shared<DebugOffsets>(std::move(*offsets));
      python.hexversion = own->hexversion;
      python.free_threaded = own->free_threaded;
    } else if (const auto version = exported_version(memory, *found.binary)) {
      python.hexversion = *version;
    } else if (const auto named = version_in_name(found.binary->path())) {
      python.hexversion = *named;
    }
    python.version = version_text(python.hexversion);
    auto refuse = [&](const std::string& why) {
      reasons += (reasons.empty() ? "" : "; ") + found.binary->path() + " (" + python.version + "): " + why;
    };
    // Py_DEBUG builds export the total of reference counts.
    python.py_debug = found.binary->symbols().find_exported("_Py_RefTotal").has_value() ||
                      found.binary->symbols().find_exported("_Py_NegativeRefcount").has_value();

    // With several candidates only their whole layouts tell which one runs.
    const bool later = reading == Reading::kQuick && all.size() == 1 && found.binary->may_have_structs();
    const StructSource* dwarf = nullptr;
    if (!own && (python.hexversion & 0xffff) == 0) {
      // At most major and minor are known, from the file's name, and not even those of a program that has the
      // interpreter inside. Which release it is the process itself says, to whoever can read its sys: with
      // the layout of any near release, since these fields keep their places.
      if (!later) dwarf = found.binary->structs(wanted_structs());
      if (const std::uint32_t said =
              hexversion_by_layouts(memory, python.runtime, python.hexversion, python.py_debug, dwarf)) {
        python.hexversion = said;
        python.version = version_text(said);
      } else if (later) {
        python.settled = false;
        return python;
      } else if (const auto text = version_in_text(memory, *found.binary, python.hexversion)) {
        python.hexversion = *text;  // its sys is not there yet, or not any more
        python.version = version_text(*text);
      }
    }
    if (python.hexversion == 0) {
      python.version = "version unknown";
      refuse("its version cannot be told");
      continue;
    }
    if (!rules_for(python.hexversion, python.rules)) {
      not_read = "CPython " + python.version;
      continue;
    }
    if (python.free_threaded) {
      not_read = "a free-threaded CPython " + python.version;
      continue;
    }
    if (!later && !dwarf) dwarf = found.binary->structs(wanted_structs());
    if (later && !builtin_layout(python.hexversion, python.py_debug)) {
      python.settled = false;  // debug information alone has the layout
      return python;
    }
    std::vector<const StructSource*> certain;  // of exactly this build
    if (own) {
      python.owned_sources.push_back(own);
      certain.push_back(own.get());
    }
    const StructSource* builtin = builtin_layout(python.hexversion, python.py_debug);
    std::vector<const StructSource*> tables;  // one of them to complete what is certain
    if (builtin) {
      if (dwarf) certain.push_back(dwarf);
      tables.push_back(builtin);
    } else if (dwarf) {
      // The extension modules of the library have debug information of their own.
      std::vector<const StructSource*> files{dwarf};
      for (const Binary* other : binaries)
        if (other != found.binary && other->path().find(".cpython-") != std::string::npos)
          if (const StructSource* structs = other->structs(wanted_structs())) files.push_back(structs);
      python.owned_sources.push_back(std::make_shared<FirstOf>(std::move(files)));
      certain.push_back(python.owned_sources.back().get());
      tables.push_back(nullptr);
    } else {
      tables = builtin_layouts_of_minor(python.hexversion, python.py_debug);
      if (tables.empty()) {
        refuse("it has no debug information, and no built-in layout is for this release or one near it");
        continue;
      }
    }
    const Fit fit = fit_layout(python, memory, certain, tables, builtin);
    if (fit.fits) {
      python.settled = !later;
      return python;
    }
    if (later) {
      // The table contradicts the process; the debug information may know better, or why.
      python.settled = false;
      return python;
    }
    if (fit.starting) {
      starting = "CPython " + python.version;
      continue;
    }
    refuse("no layout fits: " + fit.why_not);
  }
  if (reasons.empty() && !starting.empty())
    throw Error(ErrorKind::kUnreachable,
                "this process runs " + starting +
                    ", in which no interpreter is ready: it is starting up, or has shut down",
                "there are no objects yet, or none any more; try again in a moment");
  if (reasons.empty() && !not_read.empty()) refuse_to_read(not_read);
  throw Error(
      ErrorKind::kNotPython, "cannot read the CPython in this process: " + reasons,
      "see the README for supported versions; debug information of the interpreter (python3-dbg) may help");
}

}  // namespace

PyRuntime PyRuntime::find(const MemoryReader& memory, const std::vector<const Binary*>& binaries) {
  return find_runtime(memory, binaries, Reading::kFull);
}

PyRuntime PyRuntime::identify(const MemoryReader& memory, const std::vector<const Binary*>& binaries) {
  return find_runtime(memory, binaries, Reading::kQuick);
}

std::string PyRuntime::self_check(const MemoryReader& memory) const {
  const PyLayout& l = layout;
  auto pointer = [&](Address base, std::int32_t offset) {
    if (offset == kAbsent) return Address{};
    return Address{read_as<std::uint64_t>(memory, base + static_cast<std::uint64_t>(offset)).value_or(0)};
  };
  struct Needed {
    std::int32_t offset;
    const char* name;
  };
  for (const Needed& n :
       {Needed{l.PyObject.ob_type, "PyObject.ob_type"}, Needed{l.PyVarObject.ob_size, "PyVarObject.ob_size"},
        Needed{l.PyTypeObject.tp_flags, "PyTypeObject.tp_flags"},
        Needed{l.PyGC_Head.size, "sizeof(PyGC_Head)"}, Needed{l.PyDictObject.ma_keys, "PyDictObject.ma_keys"},
        Needed{l.PyListObject.ob_item, "PyListObject.ob_item"},
        Needed{l.PyTupleObject.ob_item, "PyTupleObject.ob_item"},
        Needed{l.PyDictKeysObject.dk_nentries, "PyDictKeysObject.dk_nentries"},
        Needed{l.PyASCIIObject.state, "PyASCIIObject.state"},
        Needed{l.PyInterpreterState.threads_head, "PyInterpreterState.threads.head"},
        Needed{l.PyInterpreterState.modules, "PyInterpreterState.modules"},
        Needed{l.PyInterpreterState.sysdict, "PyInterpreterState.sysdict"},
        Needed{l.gc_runtime_state.permanent_generation, "_gc_runtime_state.permanent_generation"},
        Needed{l.PyRuntimeState.interpreters_main, "_PyRuntimeState.interpreters.main"}}) {
    if (n.offset == kAbsent) return std::string("the offset of ") + n.name + " is unknown";
  }
  const Address interpreter = pointer(runtime, l.PyRuntimeState.interpreters_main);
  if (is_null(interpreter)) return "no interpreter is initialised (yet, or any more)";
  // At the end its dicts are emptied, and let go. The thread that does so is of that interpreter: no other
  // layout's word would be.
  const bool ending = !is_null(ended_by(*this, memory, interpreter));
  for (const auto& [offset, name] : {std::pair{l.PyInterpreterState.sysdict, "sysdict"},
                                     std::pair{l.PyInterpreterState.modules, "modules"},
                                     std::pair{l.PyInterpreterState.builtins, "builtins"}}) {
    const Address dict = pointer(interpreter, offset);
    if (ending && is_null(dict)) continue;
    const Address type = pointer(dict, l.PyObject.ob_type);
    const Address metatype = pointer(type, l.PyObject.ob_type);
    const auto tp_name = read_c_string(memory, pointer(type, l.PyTypeObject.tp_name), 64);
    if (tp_name != "dict") return std::string("the interpreter's ") + name + " is no dict";
    if (pointer(metatype, l.PyObject.ob_type) != metatype) return "the type of type is not type";
    const auto meta_name = read_c_string(memory, pointer(metatype, l.PyTypeObject.tp_name), 64);
    if (meta_name != "type") return "the type of dict is not called type";
    const auto basicsize =
        read_as<std::int64_t>(memory, type + static_cast<std::uint64_t>(l.PyTypeObject.tp_basicsize));
    if (basicsize != l.PyDictObject.size) return "dict's tp_basicsize is not sizeof(PyDictObject)";
    const auto used =
        read_as<std::int64_t>(memory, dict + static_cast<std::uint64_t>(l.PyDictObject.ma_used));
    if (!used || *used < (ending ? 0 : 3) || *used > 10'000'000)
      return std::string(name) + " has an impossible number of entries";
    const Address keys = pointer(dict, l.PyDictObject.ma_keys);
    const auto entries =
        read_as<std::int64_t>(memory, keys + static_cast<std::uint64_t>(l.PyDictKeysObject.dk_nentries));
    if (!entries || *entries < *used) return std::string(name) + "'s keys have fewer entries than items";
  }
  return {};
}

}  // namespace heapglass
