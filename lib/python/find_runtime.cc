#include "lib/python/find_runtime.h"

#include <chrono>
#include <thread>
#include <utility>

#include "lib/base/error.h"
#include "lib/python/builtin_layouts.h"
#include "lib/python/collecting.h"
#include "lib/python/debug_offsets.h"
#include "lib/python/release.h"
#include "lib/python/runtime_stage.h"

namespace heapglass {
namespace {

std::string supported_text() {
  const auto versions = supported_versions();
  const Version &first = versions.front(), &last = versions.back();
  return std::to_string(first.major) + "." + std::to_string(first.minor) + " to " +
         std::to_string(last.major) + "." + std::to_string(last.minor);
}

[[noreturn]] void throw_unsupported(const std::string& what) {
  throw Error(
      ErrorKind::kNotPython,
      "this process runs " + what + ", which heapglass does not read (CPython " + supported_text() + ")",
      "see the README for the versions that it reads");
}

// Several files of one build: a struct is that of the first that has it.
class FirstOf final : public StructSource {
 public:
  explicit FirstOf(LayoutSourceList sources) : sources_(std::move(sources)) {}
  const StructLayout* find(std::string_view name) const override {
    for (const auto& source : sources_)
      if (const StructLayout* found = source->find(name)) return found;
    return nullptr;
  }
  std::string description() const override {
    const std::size_t others = sources_.size() - 1;
    return sources_.front()->description() +
           (others ? " and of " + std::to_string(others) + " extension modules" : std::string());
  }

 private:
  LayoutSourceList sources_;
};

// A place where a file says that a _PyRuntime is.
struct Candidate {
  std::shared_ptr<const Binary> binary;
  Address runtime{};
  std::string how;
};

// The symbol, which every build exports, or the section that holds nothing else (3.10 and later). The full
// symbol tables are searched only where no file exports it: reading those of every library takes longer than
// all the rest.
std::vector<Candidate> find_candidates(const Binaries& binaries) {
  std::vector<Candidate> found;
  for (const auto& binary : binaries) {
    if (const auto symbol = binary->symbols().find_exported("_PyRuntime")) {
      found.push_back({binary, symbol->address, "exported symbol _PyRuntime"});
    } else if (const auto section = binary->section(".PyRuntime")) {
      found.push_back({binary, section->address, "section .PyRuntime"});
    }
  }
  if (!found.empty()) return found;
  for (const auto& binary : binaries)
    if (const auto symbol = binary->symbols().find("_PyRuntime"))
      found.push_back({binary, symbol->address, "symbol _PyRuntime"});
  return found;
}

enum class Reading { kWithoutDebugInformation, kAll };

class RuntimeFinder {
 public:
  RuntimeFinder(const MemoryReader& memory, const Binaries& binaries, Reading reading, MemoryMoment moment)
      : memory_(memory), binaries_(binaries), reading_(reading), moment_(moment) {}

  IdentifiedRuntime run() {
    const std::vector<Candidate> candidates = find_candidates(binaries_);
    if (candidates.empty()) throw_no_python();
    // With several candidates only their whole layouts show which one runs.
    if (candidates.size() > 1) reading_ = Reading::kAll;
    for (const Candidate& candidate : candidates)
      if (auto found = examine(candidate)) return std::move(*found);
    throw_refused();
  }

 private:
  // What is known of a candidate while it is examined.
  struct Examined {
    PyRuntime python;
    std::shared_ptr<const DebugOffsets> own;  // of the process itself; null before 3.13
    bool leaves_debug_information = false;
    std::shared_ptr<const StructSource> debug_information;  // null: there is none, or it is left
  };
  // What is certain of exactly this build, and tables of which one has to complete it.
  struct Choice {
    LayoutSourceList certain;
    LayoutSourceList tables;                      // nullptr: no table is needed
    std::shared_ptr<const StructSource> builtin;  // the table of this release
  };
  struct Fit {
    bool fits = false;
    bool starting = false;  // no interpreter is ready; the layout may be right
    std::string why_not;
  };

  // nullopt: it is refused, for a reason that is kept.
  std::optional<IdentifiedRuntime> examine(const Candidate& candidate) {
    Examined e = identify(candidate);
    if (!find_release(e)) return pending(e);
    if (!is_supported(e.python)) return std::nullopt;
    if (e.leaves_debug_information && !builtin_layout(e.python.hexversion, e.python.py_debug))
      return pending(e);
    if (!e.leaves_debug_information && !e.debug_information)
      e.debug_information = e.python.binary->structs(wanted_structs());
    const std::optional<Choice> choice = choose_sources(e);
    if (!choice) return std::nullopt;
    const Fit fit = fit_layout(e.python, *choice);
    if (fit.fits) return IdentifiedRuntime{std::move(e.python), e.leaves_debug_information};
    // The debug information may be right where the table contradicts the process, or show why it does.
    if (e.leaves_debug_information) return pending(e);
    if (fit.starting) {
      starting_ = "CPython " + e.python.version;
    } else {
      refuse(e.python, "no layout fits: " + fit.why_not);
    }
    return std::nullopt;
  }

  static IdentifiedRuntime pending(const Examined& e) {
    IdentifiedRuntime found{{}, true};
    static_cast<PyIdentity&>(found.python) = e.python;
    return found;
  }

  Examined identify(const Candidate& candidate) const {
    Examined e;
    PyRuntime& python = e.python;
    python.runtime = candidate.runtime;
    python.binary = candidate.binary;
    python.how_found = candidate.how + " of " + candidate.binary->path();
    if (auto offsets = read_debug_offsets(memory_, candidate.runtime)) {
      e.own = std::make_shared<DebugOffsets>(std::move(*offsets));
      python.hexversion = e.own->hexversion;
      python.free_threaded = e.own->free_threaded;
    } else if (const auto version = exported_version(memory_, *candidate.binary)) {
      python.hexversion = *version;
    } else if (const auto named = version_in_name(candidate.binary->path())) {
      python.hexversion = *named;
    }
    python.version = version_text(python.hexversion);
    // Py_DEBUG builds export the total of reference counts.
    const SymbolSource& symbols = candidate.binary->symbols();
    python.py_debug = symbols.find_exported("_Py_RefTotal").has_value() ||
                      symbols.find_exported("_Py_NegativeRefcount").has_value();
    e.leaves_debug_information =
        reading_ == Reading::kWithoutDebugInformation && candidate.binary->may_have_structs();
    return e;
  }

  // Completes the version where at most major and minor are known, from the file's name, and not even those
  // of a program that has the interpreter inside. The release is in the interpreter's sys, which any near
  // release's layout can read, since those fields keep their places. False: debug information is needed for
  // it.
  bool find_release(Examined& e) const {
    PyRuntime& python = e.python;
    if (e.own || (python.hexversion & 0xffff) != 0) return true;
    if (!e.leaves_debug_information) e.debug_information = python.binary->structs(wanted_structs());
    std::uint32_t release = release_by_layouts(memory_, python, python.hexversion, e.debug_information);
    if (!release && e.leaves_debug_information) return false;
    // Where sys is not there yet, or not any more, the file's own text has it.
    if (!release) release = version_in_text(memory_, *python.binary, python.hexversion).value_or(0);
    if (release) {
      python.hexversion = release;
      python.version = version_text(release);
    }
    return true;
  }

  bool is_supported(PyRuntime& python) {
    if (python.hexversion == 0) {
      python.version = "version unknown";
      refuse(python, "its version cannot be told");
      return false;
    }
    if (!rules_for(python.hexversion, python.rules)) {
      unsupported_ = "CPython " + python.version;
      return false;
    }
    if (python.free_threaded) {
      unsupported_ = "a free-threaded CPython " + python.version;
      return false;
    }
    return true;
  }

  // nullopt: there is no layout; it is refused.
  std::optional<Choice> choose_sources(const Examined& e) {
    Choice choice;
    if (e.own) choice.certain.push_back(e.own);
    choice.builtin = builtin_layout(e.python.hexversion, e.python.py_debug);
    if (choice.builtin) {
      if (e.debug_information) choice.certain.push_back(e.debug_information);
      choice.tables.push_back(choice.builtin);
    } else if (e.debug_information) {
      choice.certain.push_back(with_extension_modules(e));
      choice.tables.push_back(nullptr);
    } else {
      choice.tables = builtin_layouts_of_minor(e.python.hexversion, e.python.py_debug);
      if (choice.tables.empty()) {
        refuse(e.python,
               "it has no debug information, and no built-in layout is for this release or one near it");
        return std::nullopt;
      }
    }
    return choice;
  }

  // The extension modules of the standard library have debug information of their own.
  std::shared_ptr<const StructSource> with_extension_modules(const Examined& e) const {
    LayoutSourceList files{e.debug_information};
    for (const auto& other : binaries_)
      if (other != e.python.binary && other->path().find(".cpython-") != std::string::npos)
        if (auto structs = other->structs(wanted_structs())) files.push_back(std::move(structs));
    return std::make_shared<FirstOf>(std::move(files));
  }

  // Gives `python` the layout of what is certain and of the first table that the process does not contradict.
  Fit fit_layout(PyRuntime& python, const Choice& choice) const {
    Fit fit;
    for (const auto& table : choice.tables) {
      python.sources = choice.certain;
      if (table) python.sources.push_back(table);
      python.layout_source = describe(python.sources);
      if (table && table != choice.builtin)
        python.layout_source += ", nearest to " + python.version + " of those that fit";
      const std::string wrong = check_layout(python, fit);
      if (fit.fits) return fit;
      fit.why_not += (fit.why_not.empty() ? "" : "; ") + python.layout_source + ": " + wrong;
    }
    return fit;
  }

  static std::string describe(const LayoutSourceList& sources) {
    constexpr std::size_t kLong = 200;
    std::string text;
    for (const auto& source : sources)
      if (text.size() < kLong) text += (text.empty() ? "" : " + ") + source->description();
    return text;
  }

  // Loads the layout of python.sources. The first contradiction, or empty.
  std::string check_layout(PyRuntime& python, Fit& fit) const {
    const LoadedLayout loaded = load_layout(LayoutSources(python.sources));
    if (!loaded.conflicts.empty()) {
      const LayoutConflict& c = loaded.conflicts.front();
      return c.field + " is " + std::to_string(c.first) + " by " + c.first_source + " and " +
             std::to_string(c.second) + " by " + c.second_source;
    }
    python.layout = loaded.layout;
    // The process may run on meanwhile: what was read in the middle of a change is right at another attempt.
    constexpr int kAttempts = 3;
    std::string wrong;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      wrong = python.self_check(memory_);
      if (wrong.empty() && stage_of(python, memory_) == RuntimeStage::kRunning) wrong = wrong_lists(python);
      fit.fits = wrong.empty();
      if (fit.fits) return {};
    }
    fit.starting |= stage_of(python, memory_) == RuntimeStage::kStarting;
    return wrong;
  }

  // A collection has the lists open for some milliseconds, more where others have the processor: where the
  // process goes on they are looked at again, and in bytes of many moments they say nothing.
  std::string wrong_lists(const PyRuntime& python) const {
    if (moment_ == MemoryMoment::kMany) return {};
    constexpr int kLooks = 30;
    constexpr std::chrono::milliseconds kNap{3};
    std::string wrong = check_collector_lists(python, memory_);
    for (int look = 1; look < kLooks && !wrong.empty() && moment_ == MemoryMoment::kGoesOn; ++look) {
      std::this_thread::sleep_for(kNap);
      wrong = check_collector_lists(python, memory_);
    }
    return wrong;
  }

  void refuse(const PyIdentity& python, const std::string& why) {
    refused_ += (refused_.empty() ? "" : "; ") + python.binary->path() + " (" + python.version + "): " + why;
  }

  [[noreturn]] void throw_no_python() const {
    if (const std::string other = other_python(memory_, binaries_); !other.empty()) throw_unsupported(other);
    throw Error(ErrorKind::kNotPython,
                "no CPython in this process: none of its " + std::to_string(binaries_.size()) +
                    " programs and libraries has _PyRuntime",
                "CPython 3.7 and newer have it; is this the right process?");
  }

  [[noreturn]] void throw_refused() const {
    if (refused_.empty() && !starting_.empty())
      throw Error(ErrorKind::kUnreachable,
                  "this process runs " + starting_ +
                      ", in which no interpreter is ready: it is starting up, or has shut down",
                  "there are no objects yet, or none any more; try again in a moment");
    if (refused_.empty() && !unsupported_.empty()) throw_unsupported(unsupported_);
    throw Error(
        ErrorKind::kNotPython, "cannot read the CPython in this process: " + refused_,
        "see the README for supported versions; debug information of the interpreter (python3-dbg) may "
        "help");
  }

  const MemoryReader& memory_;
  const Binaries& binaries_;
  Reading reading_;
  const MemoryMoment moment_;
  // Why candidates are refused.
  std::string refused_, unsupported_, starting_;
};

}  // namespace

PyRuntime find_runtime(const MemoryReader& memory, const Binaries& binaries, MemoryMoment moment) {
  return RuntimeFinder(memory, binaries, Reading::kAll, moment).run().python;
}

IdentifiedRuntime identify_runtime(const MemoryReader& memory, const Binaries& binaries) {
  return RuntimeFinder(memory, binaries, Reading::kWithoutDebugInformation, MemoryMoment::kGoesOn).run();
}

}  // namespace heapglass
