#include "lib/heap/holders.h"

#include <algorithm>

#include "lib/python/describe.h"
#include "lib/python/frames.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

std::string grouped_count(std::uint64_t n) {
  const std::string digits = std::to_string(n);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

class Describer {
 public:
  Describer(Labels& labels, const ObjectView& values, NodeId node)
      : labels_(labels),
        values_(values),
        o_(labels.types().objects()),
        a_(labels.address(node)),
        type_(labels.type_of(node)) {}

  std::string text() {
    const std::string& name = type_.name;
    for (const auto& [known, say] : kKnown)
      if (name == known) return (this->*say)();
    if (type_.body == TraverseRule::kModule) return "module " + repr_of(a_);
    if (type_.flags & kTpTypeSubclass) return "class " + repr_of(a_);
    if (type_.body == TraverseRule::kFrame) return "frame " + repr_of(a_);
    if (type_.flags & kTpBaseExcSubclass) return "exception " + name;
    if (values_.is_instance(a_, "logging.Handler")) return "logging handler " + name;
    if (values_.is_instance(a_, "builtins.weakref") || values_.is_instance(a_, "weakref.ReferenceType"))
      return "weak reference " + name;
    if (values_.is_instance(a_, "_thread._local")) return "thread local " + name;
    if (type_.flags & (kTpListSubclass | kTpTupleSubclass | kTpDictSubclass) ||
        type_.body == TraverseRule::kSet || type_.body == TraverseRule::kDeque) {
      const bool own_class = type_.flags & kTpHeapType && !name.starts_with("collections.");
      const auto length = values_.length(a_);
      // Large ones are what a search for a leak is after.
      constexpr std::uint64_t kLarge = 1000;
      std::string plain = name.starts_with("builtins.") ? name.substr(9) : name;
      if (length && *length >= kLarge) return plain + " of " + grouped_count(*length);
      return own_class ? plain : std::string();
    }
    if (name == "builtins.cell") return {};
    return name.starts_with("builtins.") ? name.substr(9) : name;
  }

 private:
  using Say = std::string (Describer::*)();
  static const std::pair<std::string_view, Say> kKnown[27];

  std::string repr_of(Address a) const {
    const TypeInfo* type = labels_.types().get(o_.type_of(a));
    return type ? short_repr(labels_.types(), a, *type, 80) : std::string();
  }
  Address field(std::string_view name) const { return named_field(o_, a_, type_, name); }
  std::string with(const std::string& what, Address a) const {
    const std::string repr = is_null(a) ? std::string() : repr_of(a);
    return repr.empty() ? what : what + " " + repr;
  }

  std::string lru_cache() {
    std::string text = with("lru_cache of", field("func"));
    const std::int32_t at = o_.layout().lru_cache_object.maxsize;
    const auto maxsize = at == kAbsent ? std::nullopt : o_.load<std::int64_t>(a_, at);
    const Address cache = field("cache");
    const auto entries = is_null(cache) ? std::nullopt : values_.length(cache);
    std::string figures;
    if (maxsize) figures = "maxsize=" + (*maxsize < 0 ? std::string("None") : std::to_string(*maxsize));
    if (entries) figures += (figures.empty() ? "" : ", ") + grouped_count(*entries) + " entries";
    return figures.empty() ? text : text + " (" + figures + ")";
  }
  std::string task() {
    Address name = field("task_name");
    if (is_null(name)) name = values_.attribute(a_, "_name");
    Address coroutine = field("task_coro");
    if (is_null(coroutine)) coroutine = values_.attribute(a_, "_coro");
    std::string text = with("asyncio task", name);
    return is_null(coroutine) ? text : text + " of " + repr_of(coroutine);
  }
  std::string future() { return "asyncio future"; }
  std::string handle() {
    const Address callback = values_.attribute(a_, "_callback");
    return with("asyncio callback", callback);
  }
  std::string traceback() { return "traceback"; }
  std::string function() { return "function " + repr_of(a_); }
  std::string method() { return "bound method " + repr_of(a_); }
  std::string builtin() { return "builtin " + repr_of(a_); }
  std::string partial() { return with("partial of", field("fn")); }
  std::string generator() { return "generator " + repr_of(a_); }
  std::string coroutine() { return "coroutine " + repr_of(a_); }
  std::string async_generator() { return "async generator " + repr_of(a_); }
  std::string context() { return "context variables"; }
  std::string context_variable() { return with("context variable", field("var_name")); }
  std::string weak_reference() {
    const Address callback = o_.pointer(a_, o_.layout().PyWeakReference.wr_callback);
    return is_null(callback) ? "weak reference" : "weak reference with callback";
  }
  std::string thread_local_data() { return "thread local"; }
  std::string nothing() { return {}; }

  Labels& labels_;
  const ObjectView& values_;
  const Objects& o_;
  const Address a_;
  const TypeInfo& type_;
};

const std::pair<std::string_view, Describer::Say> Describer::kKnown[27] = {
    {"functools._lru_cache_wrapper", &Describer::lru_cache},
    {"functools.partial", &Describer::partial},
    {"_asyncio.Task", &Describer::task},
    {"asyncio.tasks.Task", &Describer::task},
    {"_asyncio.Future", &Describer::future},
    {"asyncio.futures.Future", &Describer::future},
    {"asyncio.events.Handle", &Describer::handle},
    {"asyncio.events.TimerHandle", &Describer::handle},
    {"builtins.traceback", &Describer::traceback},
    {"builtins.function", &Describer::function},
    {"builtins.method", &Describer::method},
    {"builtins.builtin_function_or_method", &Describer::builtin},
    {"builtins.generator", &Describer::generator},
    {"builtins.coroutine", &Describer::coroutine},
    {"builtins.async_generator", &Describer::async_generator},
    {"_contextvars.Context", &Describer::context},
    {"builtins.Context", &Describer::context},
    {"builtins.hamt", &Describer::nothing},
    {"builtins.hamt_bitmap_node", &Describer::nothing},
    {"builtins.hamt_array_node", &Describer::nothing},
    {"builtins.hamt_collision_node", &Describer::nothing},
    {"_contextvars.ContextVar", &Describer::context_variable},
    {"builtins.ContextVar", &Describer::context_variable},
    {"builtins.weakref", &Describer::weak_reference},
    {"weakref.ReferenceType", &Describer::weak_reference},
    {"_thread._local", &Describer::thread_local_data},
    {"_thread._localdummy", &Describer::thread_local_data},
};

}  // namespace

std::string describe_container(Labels& labels, const ObjectView& values, NodeId node) {
  return Describer(labels, values, node).text();
}

bool is_anonymous_collection(Labels& labels, NodeId node) {
  const TypeInfo& type = labels.type_of(node);
  if (type.flags & kTpDictSubclass) return !labels.is_namespace(node);
  if (type.flags & kTpListSubclass) return true;
  // A tuple of a few is a record of sorts: its places mean something.
  constexpr std::int64_t kFew = 8;
  if (type.flags & kTpTupleSubclass) return labels.types().objects().ob_size(labels.address(node)) > kFew;
  // One of objects; another refers to its base and its descriptor.
  if (type.body == TraverseRule::kNumpyArray)
    return static_cast<std::int64_t>(labels.graph().referents(node).size()) > kFew;
  return type.body == TraverseRule::kSet || type.body == TraverseRule::kDeque ||
         type.body == TraverseRule::kLruCache || type.body == TraverseRule::kHamtBitmap ||
         type.body == TraverseRule::kHamtArray || type.body == TraverseRule::kHamtCollision;
}

}  // namespace heapglass
