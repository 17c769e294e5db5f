#include "lib/heap/object_view.h"

#include <algorithm>

#include "lib/base/type_name.h"
#include "lib/python/collector_lists.h"
#include "lib/python/content.h"
#include "lib/python/describe.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestText = 1 << 20;  // code points or bytes of a value that are looked at
constexpr std::size_t kLongestRepr = 400;

// The reference with a name that is looked for.
class NamedReference final : public EdgeSink {
 public:
  NamedReference(const Objects& objects, std::string_view name) : objects_(objects), name_(name) {}
  Address found{}, dict{};

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (const Edge* e = edges; e != edges + count; ++e) {
      if (e->kind == EdgeKind::kDict) dict = e->referent;
      if (is_null(found) && is_named(*e)) found = e->referent;
    }
  }
  bool is_named(const Edge& e) const {
    switch (e.kind) {
      case EdgeKind::kAttribute:
        return objects_.str(Address{e.payload}) == name_;
      case EdgeKind::kSlot:
        return objects_.c_string(Address{e.payload}, 200) == name_;
      case EdgeKind::kField:
        return reinterpret_cast<const FieldName*>(e.payload)->name == name_;
      default:
        return false;
    }
  }

  const Objects& objects_;
  const std::string_view name_;
};

std::string module_of(const TypeInfo& type) {
  // A nested class is module.Outer.Inner: only its __module__ would tell where the module ends.
  return type.name.substr(0, type.name.rfind('.'));
}

}  // namespace

std::optional<std::uint64_t> ObjectView::length(Address object) const {
  const TypeInfo* type = type_of(object);
  return type ? length(object, *type) : std::nullopt;
}

std::optional<std::uint64_t> ObjectView::length(Address object, const TypeInfo& type) const {
  const Objects& o = objects();
  const PyLayout& l = o.layout();
  auto checked = [](std::optional<std::int64_t> n) -> std::optional<std::uint64_t> {
    return n && *n >= 0 ? std::optional<std::uint64_t>(static_cast<std::uint64_t>(*n)) : std::nullopt;
  };
  if (type.flags & kTpUnicodeSubclass) return o.str_length(object);
  if (type.flags & kTpDictSubclass) return checked(o.load<std::int64_t>(object, l.PyDictObject.ma_used));
  if (type.flags & (kTpListSubclass | kTpTupleSubclass | kTpBytesSubclass)) return checked(o.ob_size(object));
  if (type.body == TraverseRule::kSet) return checked(o.load<std::int64_t>(object, l.PySetObject.used));
  if (type.body == TraverseRule::kDeque || type.name == "builtins.bytearray")
    return checked(o.ob_size(object));
  return std::nullopt;
}

ExpressionValue ObjectView::field(Address object, ExpressionField field) const {
  const TypeInfo* type = type_of(object);
  if (!type) return {};
  auto number = [](std::optional<std::uint64_t> n) -> ExpressionValue {
    return n && *n <= std::uint64_t{INT64_MAX} ? ExpressionValue(static_cast<std::int64_t>(*n))
                                               : ExpressionValue();
  };
  const NodeId node = graph_.index->find(object);
  switch (field) {
    case ExpressionField::kType:
      return type->name;
    case ExpressionField::kModule: {
      const Address module = type->flags & kTpHeapType
                                 ? objects().item(types_.type_dict(type->address), "__module__")
                                 : Address{};
      const auto text = is_null(module) ? std::nullopt : objects().str(module);
      return text ? *text : module_of(*type);
    }
    case ExpressionField::kRepr:
      return short_repr(types_, object, *type, kLongestRepr);
    case ExpressionField::kSize:
      return node == kNoNode ? ExpressionValue() : number(graph_.all_bytes(index(node)));
    case ExpressionField::kRetained:
      return node == kNoNode || !retained ? ExpressionValue() : number(retained(node));
    case ExpressionField::kRefcount:
      return number(objects().refcount(object));
    case ExpressionField::kLength:
      return number(length(object));
    case ExpressionField::kId:
      return number(heapglass::value(object));
    case ExpressionField::kTracked:
      return is_tracked(objects(), object, *type);
    case ExpressionField::kProperModule:
      return is_in_sys_modules(object);
  }
  return {};
}

bool ObjectView::is_instance(Address object, std::string_view wanted) const {
  const TypeInfo* type = type_of(object);
  if (!type) return false;
  auto& by_type = derived_[std::string(wanted)];
  const auto [at, is_new] = by_type.try_emplace(heapglass::value(type->address), false);
  if (!is_new) return at->second;
  const Objects& o = objects();
  const Address mro = o.pointer(type->address, o.layout().PyTypeObject.tp_mro);
  constexpr std::int64_t kMostBases = 10'000;
  const std::int64_t n = is_null(mro) ? 0 : std::min(o.ob_size(mro), kMostBases);
  bool is = type_matches(type->name, wanted);
  for (std::int64_t i = 0; i < n && !is; ++i) {
    const TypeInfo* base =
        types_.get(o.pointer(mro, o.layout().PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i)));
    is = base && type_matches(base->name, wanted);
  }
  return at->second = is;
}

ExpressionValue ObjectView::value(Address object) const {
  const Objects& o = objects();
  const TypeInfo* type = type_of(object);
  if (!type) return {};
  if (type->flags & kTpUnicodeSubclass) {
    auto text = o.str(object, kLongestText);
    return text ? ExpressionValue(std::move(*text)) : ExpressionValue();
  }
  if (type->name == "builtins.NoneType") return ExpressionNone{};
  if (type->flags & kTpLongSubclass) {
    const auto n = small_int(o, object);
    if (n && type->name == "builtins.bool") return *n != 0;
    return n ? ExpressionValue(*n) : ExpressionValue(object);
  }
  if (type->name == "builtins.float") {
    const auto v = o.load<double>(object, o.layout().PyFloatObject.ob_fval);
    return v ? ExpressionValue(*v) : ExpressionValue();
  }
  if (type->flags & kTpBytesSubclass) {
    const std::int64_t n = o.ob_size(object);
    if (n < 0) return {};
    const std::size_t shown = std::min(static_cast<std::size_t>(n), kLongestText);
    const std::byte* bytes =
        o.image().at(object + static_cast<std::uint64_t>(o.layout().PyBytesObject.ob_sval), shown);
    if (!bytes && shown) return {};
    return ExpressionBytes{std::string(reinterpret_cast<const char*>(bytes), shown)};
  }
  return object;
}

Address ObjectView::dict_item(Address dict, const ExpressionValue& key) const {
  Address found{};
  const Objects& o = objects();
  const auto* text = std::get_if<std::string>(&key);
  if (text && text->empty()) {
    o.each_item(dict, [&](Address k, Address v) {
      if (is_null(found) && o.str_length(k) == std::uint64_t{0}) found = v;
    });
    return found;
  }
  o.each_item(dict, [&](Address k, Address v) {
    if (!is_null(found)) return;
    if (text) {
      // No str is longer in code points than its text is in bytes, nor shorter than a quarter of them.
      const auto length = o.str_length(k);
      if (length && *length <= text->size() && *length * 4 >= text->size() &&
          o.str(k, text->size() + 1) == *text)
        found = v;
    } else if (value(k) == key) {
      found = v;
    }
  });
  return found;
}

Address ObjectView::attribute(Address object, std::string_view name) const {
  const TypeInfo* type = type_of(object);
  if (!type) return {};
  const Objects& o = objects();
  const ExpressionValue key{std::string(name)};
  if (type->body == TraverseRule::kModule)
    return dict_item(o.pointer(object, o.layout().PyModuleObject.md_dict), key);
  if (type->flags & kTpTypeSubclass) return dict_item(types_.type_dict(object), key);
  if (type->dict == InstanceDict::kNone && type->fields.empty()) return {};
  NamedReference sink(o, name);
  references_.visit(object, *type, sink);
  sink.drain();
  if (is_null(sink.found) && !is_null(sink.dict)) return dict_item(sink.dict, key);
  return sink.found;
}

Address ObjectView::item(Address object, const ExpressionValue& key) const {
  const Objects& o = objects();
  const TypeInfo* type = type_of(object);
  if (!type) return {};
  if (type->flags & kTpDictSubclass) return dict_item(object, key);
  const auto* i = std::get_if<std::int64_t>(&key);
  if (!i || !(type->flags & (kTpListSubclass | kTpTupleSubclass))) return {};
  const std::int64_t n = o.ob_size(object);
  const std::int64_t at = *i < 0 ? n + *i : *i;
  if (n < 0 || at < 0 || at >= n) return {};
  const PyLayout& l = o.layout();
  const Address items = type->flags & kTpListSubclass
                            ? o.pointer(object, l.PyListObject.ob_item)
                            : object + static_cast<std::uint64_t>(l.PyTupleObject.ob_item);
  return is_null(items) ? Address{} : o.pointer(items + static_cast<std::uint64_t>(at) * 8, 0);
}

bool ObjectView::is_in_sys_modules(Address object) const {
  if (!proper_modules_) {
    proper_modules_.emplace();
    const Objects& o = objects();
    for (const PyInterpreter& interpreter : interpreters_)
      o.each_item(o.pointer(interpreter.state, o.layout().PyInterpreterState.modules), [&](Address key,
                                                                                           Address module) {
        const TypeInfo* type = type_of(module);
        if (!type || type->body != TraverseRule::kModule) return;
        const Address name = o.item(o.pointer(module, o.layout().PyModuleObject.md_dict), "__name__");
        if (!is_null(name) && o.str(name) == o.str(key)) proper_modules_->insert(heapglass::value(module));
      });
  }
  return proper_modules_->count(heapglass::value(object)) > 0;
}

}  // namespace heapglass
