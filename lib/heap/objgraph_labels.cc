#include "lib/heap/objgraph_labels.h"

#include <algorithm>

#include "lib/python/collector_lists.h"
#include "lib/python/frames.h"
#include "lib/python/python_repr.h"

namespace heapglass {
namespace {

constexpr std::size_t kReprLength = 40;
constexpr std::size_t kLongestName = 4096;

bool is_none(TypeTable& types, Address a) {
  const TypeInfo* type = types.get(types.objects().type_of(a));
  return type && type->name == "builtins.NoneType";
}

// A dict's value, or the text of a str in it.
std::optional<std::string> name_in(const Objects& o, Address dict, std::string_view key) {
  const Address name = is_null(dict) ? Address{} : o.item(dict, key);
  return is_null(name) ? std::nullopt : o.str(name, kLongestName);
}

// bool(self) as far as its bytes tell: what has a length of its own or a __bool__ may be false.
bool is_true(TypeTable& types, Address a) {
  const Objects& o = types.objects();
  const TypeInfo* type = types.get(o.type_of(a));
  if (!type || type->name == "builtins.NoneType") return false;
  if (type->flags & kTpUnicodeSubclass) return o.str_length(a) != std::uint64_t{0};
  if (type->flags & kTpDictSubclass) return o.load<std::int64_t>(a, o.layout().PyDictObject.ma_used) != 0;
  if (type->flags & (kTpListSubclass | kTpTupleSubclass | kTpBytesSubclass)) return o.ob_size(a) != 0;
  if (type->body == TraverseRule::kSet) return o.load<std::int64_t>(a, o.layout().PySetObject.used) != 0;
  if (type->body == TraverseRule::kDeque) return o.ob_size(a) != 0;
  return true;
}

// The regular expression [a-zA-Z_][a-zA-Z_0-9]*$, whose $ lets a newline stand behind.
bool is_identifier(std::string_view s) {
  if (s.ends_with('\n')) s.remove_suffix(1);
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !s.empty() && letter(s[0]) &&
         std::all_of(s.begin(), s.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// The first of dir(function), which is sorted, whose attribute is `held`.
std::string function_attribute(TypeTable& types, Address function, const TypeInfo& type, Address held) {
  const Objects& o = types.objects();
  const bool none = is_none(types, held);
  std::vector<std::string> names;
  struct Field {
    const char *name, *field;
    bool none_for_null;
  };
  for (const Field& f : {Field{"__annotate__", "func_annotate", true},
                         {"__annotations__", "func_annotations", false},
                         {"__builtins__", "func_builtins", false},
                         {"__closure__", "func_closure", true},
                         {"__code__", "func_code", false},
                         {"__defaults__", "func_defaults", true},
                         {"__doc__", "func_doc", true},
                         {"__globals__", "func_globals", false},
                         {"__kwdefaults__", "func_kwdefaults", true},
                         {"__module__", "func_module", true},
                         {"__name__", "func_name", false},
                         {"__qualname__", "func_qualname", false},
                         {"__type_params__", "func_typeparams", false}}) {
    const bool known = std::any_of(type.fields.begin(), type.fields.end(), [&](const ObjectField& each) {
      return each.kind == EdgeKind::kField &&
             reinterpret_cast<const FieldName*>(each.payload)->name == f.field;
    });
    const Address value = named_field(o, function, type, f.field);
    if (value == held || (known && is_null(value) && none && f.none_for_null)) names.emplace_back(f.name);
  }
  const Address dict = named_field(o, function, type, "func_dict");
  if (!is_null(dict))
    o.each_item(dict, [&](Address key, Address value) {
      if (value != held) return;
      if (auto name = o.str(key, kLongestName)) names.push_back(std::move(*name));
    });
  return names.empty() ? std::string() : *std::min_element(names.begin(), names.end());
}

Address del_of(TypeTable& types, Address object) {
  const Objects& o = types.objects();
  const PyLayout& l = o.layout();
  const Address mro = o.pointer(o.type_of(object), l.PyTypeObject.tp_mro);
  const std::int64_t n = is_null(mro) ? 0 : std::min<std::int64_t>(o.ob_size(mro), 1000);
  for (std::int64_t i = 0; i < n; ++i) {
    const Address base = o.pointer(mro, l.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i));
    const Address del = o.item(types.type_dict(base), "__del__");
    if (!is_null(del)) return del;
  }
  return {};
}

}  // namespace

std::string objgraph_type_name(TypeTable& types, Address object, bool long_name) {
  const Address type = types.objects().type_of(object);
  const std::string name = type_short_name(types, type);
  const std::string module = long_name ? type_module(types, type) : std::string();
  return module.empty() ? name : module + "." + name;
}

std::string objgraph_repr(TypeTable& types, Address object) {
  const Objects& o = types.objects();
  const PyLayout& l = o.layout();
  const TypeInfo* type = types.get(o.type_of(object));
  if (!type) return "(unrepresentable)";
  if (type->flags & kTpTypeSubclass) return type_short_name(types, object);
  if (type->body == TraverseRule::kModule) {
    const auto name = name_in(o, o.pointer(object, l.PyModuleObject.md_dict), "__name__");
    if (name) return *name;
  }
  if (type->body == TraverseRule::kBuiltinMethod) {
    const Address ml = o.pointer(object, l.PyCFunctionObject.m_ml);
    return o.c_string(o.pointer(ml, l.PyMethodDef.ml_name), kLongestName).value_or("(unrepresentable)");
  }
  if (type->name == "builtins.method") {
    const Address function = o.pointer(object, l.PyMethodObject.im_func);
    const TypeInfo* function_type = types.get(o.type_of(function));
    std::string name =
        function_type && function_type->name == "builtins.function"
            ? o.str(o.pointer(function, l.PyFunctionObject.func_name), kLongestName).value_or("?")
            : objgraph_repr(types, function);
    return is_true(types, o.pointer(object, l.PyMethodObject.im_self)) ? name + " (bound)" : name;
  }
  if (type->name == "builtins.function" &&
      o.str(o.pointer(object, l.PyFunctionObject.func_name), 20) == "<lambda>") {
    const Address code = o.pointer(object, l.PyFunctionObject.func_code);
    const std::string file = o.str(o.pointer(code, l.PyCodeObject.co_filename), kLongestName).value_or("?");
    return "lambda: " + file.substr(file.rfind('/') + 1) + ":" +
           std::to_string(o.load<std::int32_t>(code, l.PyCodeObject.co_firstlineno).value_or(0));
  }
  if (type->body == TraverseRule::kFrame) {
    const PyFrame frame = read_frame_object(o, object);
    return frame.file + ":" + std::to_string(frame.line);
  }
  std::optional<std::int64_t> items;
  if (type->flags & (kTpTupleSubclass | kTpListSubclass)) items = o.ob_size(object);
  if (type->flags & kTpDictSubclass) items = o.load<std::int64_t>(object, l.PyDictObject.ma_used);
  if (type->body == TraverseRule::kSet) {
    const Address mro = o.pointer(type->address, l.PyTypeObject.tp_mro);
    const std::int64_t n = is_null(mro) ? 0 : std::min<std::int64_t>(o.ob_size(mro), 1000);
    for (std::int64_t i = 0; i < n; ++i) {  // a frozenset is no set
      const TypeInfo* base =
          types.get(o.pointer(mro, l.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i)));
      if (base && base->name == "builtins.set") items = o.load<std::int64_t>(object, l.PySetObject.used);
    }
  }
  if (items) return std::to_string(*items) + " items";
  return python_repr(types, object, kReprLength).text;
}

ObjgraphEdgeLabel objgraph_edge_label(Labels& labels, NodeId holder, NodeId held, bool long_names) {
  TypeTable& types = labels.types();
  const Objects& o = types.objects();
  const Address source = labels.address(holder), target = labels.address(held);
  const TypeInfo& type = labels.type_of(holder);
  const bool dict_target = (labels.type_of(held).flags & kTpDictSubclass) != 0;
  const bool is_class = (type.flags & kTpTypeSubclass) != 0;  // its __dict__ is a proxy
  bool own_dict = false, f_locals = false, f_globals = false, self = false, func = false;
  for (const Edge& e : labels.references_of(holder)) {
    if (e.referent != target) continue;
    if (e.kind == EdgeKind::kDict) own_dict = true;
    if (e.kind != EdgeKind::kField) continue;
    const std::string& name = reinterpret_cast<const FieldName*>(e.payload)->name;
    own_dict |= !is_class && (name == "__dict__" || name == "dict" || name == "func_dict");
    f_locals |= name == "f_locals";
    f_globals |= name == "f_globals";
    self |= name == "im_self";
    func |= name == "im_func";
  }
  if (own_dict && dict_target) return {"__dict__", 10};
  if (type.body == TraverseRule::kFrame) {
    if (f_locals) return {"f_locals", 10};
    if (f_globals) return {"f_globals", 10};
  }
  if (type.name == "builtins.method") {
    if (self) return {"__self__", 10};
    if (func) return {"__func__", 10};
  }
  if (type.name == "builtins.function") {
    const std::string name = function_attribute(types, source, type, target);
    if (!name.empty()) return {name, 10};
  }
  if (!(type.flags & kTpDictSubclass)) return {};
  Address key{};
  o.each_item(source, [&](Address k, Address v) {
    if (v == target && is_null(key)) key = k;
  });
  if (is_null(key)) return {};
  const auto text = o.flags_of(key) & kTpUnicodeSubclass ? o.str(key, kLongestName) : std::nullopt;
  if (text && is_identifier(*text)) return {*text, 2};
  return {objgraph_type_name(types, key, long_names) + "\n" + objgraph_repr(types, key), 0};
}

std::vector<std::pair<std::string, std::uint64_t>> objgraph_common_types(
    TypeTable& types, const std::vector<PyInterpreter>& interpreters, bool long_names, std::size_t limit) {
  const Objects& o = types.objects();
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  std::unordered_map<std::string, std::size_t> by_name;
  std::unordered_map<std::uint64_t, std::size_t> by_type;
  ReadErrors health;
  for (const PyInterpreter& interpreter : interpreters)
    each_tracked(
        o, interpreter,
        [&](Address object) {
          const Address type = o.type_of(object);
          const auto [at, is_new] = by_type.try_emplace(value(type), 0);
          if (is_new) {
            const std::string name = objgraph_type_name(types, object, long_names);
            const auto [place, new_name] = by_name.try_emplace(name, counts.size());
            if (new_name) counts.emplace_back(name, 0);
            at->second = place->second;
          }
          ++counts[at->second].second;
        },
        health, false);
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (limit && counts.size() > limit) counts.resize(limit);
  return counts;
}

bool has_del(TypeTable& types, Address object) { return !is_null(del_of(types, object)); }

bool has_python_del(TypeTable& types, Address object) {
  const Address del = del_of(types, object);
  const TypeInfo* type = is_null(del) ? nullptr : types.get(types.objects().type_of(del));
  return type && type->name == "builtins.function";
}

}  // namespace heapglass
