#include "lib/python/python_repr.h"

#include <algorithm>
#include <cstdio>

#include "lib/python/frames.h"
#include "lib/python/number_repr.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestText = 1 << 24;  // code points: which quotes repr takes depends on all of a str
constexpr std::int32_t kTpReprBeforeTraverse = 12 * 8;  // in PyTypeObject, the same since 2.2

std::string hex(const char* format, std::uint64_t n) {
  char text[40];
  std::snprintf(text, sizeof text, format, static_cast<unsigned long long>(n));
  return text;
}

std::string pointer_text(Address a) { return hex("0x%llx", value(a)); }

class Writer {
 public:
  Writer(TypeTable& types, std::size_t limit) : types_(types), o_(types.objects()), limit_(limit) {}

  std::string text;
  bool sure = true;

  // Every container writes a character before it goes deeper, so it goes no deeper than there is room.
  void object(Address a) {
    if (full()) return;
    const TypeInfo* type = types_.get(o_.type_of(a));
    if (!type) return unknown(a, nullptr);
    const std::string_view rule = rule_of(*type);
    const bool known = constant(rule) || number(rule, a, *type) || text_or_bytes(rule, a, *type) ||
                       container(rule, a, *type) || callable(rule, a, *type) || named(rule, a, *type);
    if (!known) unknown(a, type);  // a module too: its spec says, by Python code
  }

 private:
  // Each of these writes an object of its kinds, and is false for all others.
  bool constant(std::string_view rule) {
    if (rule == "NoneType") return put("None"), true;
    if (rule == "ellipsis") return put("Ellipsis"), true;
    if (rule == "NotImplementedType") return put("NotImplemented"), true;
    if (rule == "functools._PlaceholderType") return put("Placeholder"), true;
    return false;
  }
  bool number(std::string_view rule, Address a, const TypeInfo& type) {
    const PyLayout& l = o_.layout();
    if (rule == "bool" || rule == "int") {
      const auto digits = integer(a);
      if (!digits)
        unknown(a, &type);
      else
        put(rule == "int" ? *digits : *digits == "0" ? "False" : "True");
      return true;
    }
    if (rule != "float" && rule != "complex") return false;
    const auto real = o_.load<double>(a, l.PyFloatObject.ob_fval);
    if (!real)
      unknown(a, &type);
    else if (rule == "float")
      put(float_repr(*real));
    else
      complex(a, type);
    return true;
  }
  bool text_or_bytes(std::string_view rule, Address a, const TypeInfo& type) {
    const PyLayout& l = o_.layout();
    if (rule == "str") {
      const auto all = o_.str(a, kLongestText);
      all ? put(str_repr(*all, room())) : unknown(a, &type);  // as of a snapshot that has no values
      return true;
    }
    if (rule == "bytes") {
      const auto head = static_cast<std::uint64_t>(l.PyBytesObject.ob_sval);
      o_.image().at(a, head + o_.item_count(a)) ? bytes(a + head, o_.ob_size(a)) : unknown(a, &type);
      return true;
    }
    if (rule != "bytearray") return false;
    put((type.name == "builtins.bytearray" ? "bytearray" : type_short_name(types_, type.address)) + "(");
    bytes(o_.pointer(a, l.PyByteArrayObject.ob_start), o_.ob_size(a));
    put(")");
    return true;
  }
  bool container(std::string_view rule, Address a, const TypeInfo& type) {
    if (rule == "list" || rule == "tuple") return sequence(a, rule == "list"), true;
    if (rule == "dict") return dict(a), true;
    if (rule == "set" || rule == "frozenset") return set(a, type, rule == "frozenset"), true;
    if (rule == "range" || rule == "slice") return range(a, type, rule), true;
    if (rule == "BaseException") return exception(a, type), true;
    if (rule == "cell") return cell(a), true;
    if (rule == "weakref" || rule == "ReferenceType") return weakref(a), true;
    if (rule != "mappingproxy") return false;
    put("mappingproxy(");
    object(named_field(o_, a, type, "mapping"));
    put(")");
    return true;
  }
  bool callable(std::string_view rule, Address a, const TypeInfo& type) {
    if (rule == "functools.partial") return partial(a, type), true;
    if (rule == "method") return method(a, type), true;
    if (rule == "builtin_function_or_method" || rule == "builtin_method") return builtin(a), true;
    if (rule == "method-wrapper") return method_wrapper(a, type), true;
    for (const auto& [name, what] : {std::pair<std::string_view, const char*>{"method_descriptor", "method"},
                                     {"classmethod_descriptor", "method"},
                                     {"wrapper_descriptor", "slot wrapper"},
                                     {"getset_descriptor", "attribute"},
                                     {"member_descriptor", "member"}})
      if (rule == name) return descriptor(a, type, what), true;
    return false;
  }
  // "<KIND NAME at 0x...>" and the like.
  bool named(std::string_view rule, Address a, const TypeInfo& type) {
    const PyLayout& l = o_.layout();
    if (rule == "type") return put("<class '" + types_name(a) + "'>"), true;
    if (rule == "code") return code(a), true;
    if (rule == "function") {
      put("<function " + str_at(a, l.PyFunctionObject.func_qualname) + " at " + pointer_text(a) + ">");
      return true;
    }
    if (rule == "generator" || rule == "coroutine" || rule == "async_generator") {
      put("<" + std::string(rule) + " object " + str_at(a, l.PyGenObject.gi_qualname) + " at " +
          pointer_text(a) + ">");
      return true;
    }
    if (rule == "object") return plain(a, type), true;
    return false;
  }

  std::size_t room() const {
    const std::size_t used = code_points(text);
    return used < limit_ ? limit_ - used : 0;
  }
  bool full() const { return room() == 0; }
  void put(std::string_view more) {
    std::size_t left = room();
    for (std::size_t i = 0; i < more.size(); ++i) {
      if ((static_cast<unsigned char>(more[i]) & 0xc0) != 0x80 && left-- == 0) return;
      text += more[i];
    }
  }

  Address tp_repr(Address type) const {
    return o_.pointer(type, o_.layout().PyTypeObject.tp_traverse - kTpReprBeforeTraverse);
  }
  // Which of the builtin types' reprs is this type's: that of the first class of its MRO with the same
  // tp_repr whose name is known. Empty: none of them.
  std::string_view rule_of(const TypeInfo& type) const {
    static constexpr std::string_view kKnown[] = {"NoneType",
                                                  "ellipsis",
                                                  "NotImplementedType",
                                                  "bool",
                                                  "int",
                                                  "float",
                                                  "complex",
                                                  "str",
                                                  "bytes",
                                                  "bytearray",
                                                  "list",
                                                  "tuple",
                                                  "dict",
                                                  "set",
                                                  "frozenset",
                                                  "mappingproxy",
                                                  "type",
                                                  "module",
                                                  "range",
                                                  "slice",
                                                  "BaseException",
                                                  "cell",
                                                  "weakref",
                                                  "ReferenceType",
                                                  "method",
                                                  "code",
                                                  "function",
                                                  "generator",
                                                  "coroutine",
                                                  "async_generator",
                                                  "builtin_function_or_method",
                                                  "builtin_method",
                                                  "method-wrapper",
                                                  "method_descriptor",
                                                  "classmethod_descriptor",
                                                  "wrapper_descriptor",
                                                  "getset_descriptor",
                                                  "member_descriptor",
                                                  "object"};
    const PyLayout& l = o_.layout();
    const Address own = tp_repr(type.address);
    const Address mro = o_.pointer(type.address, l.PyTypeObject.tp_mro);
    const std::int64_t n = is_null(mro) ? 0 : std::min<std::int64_t>(o_.ob_size(mro), 1000);
    for (std::int64_t i = 0; i < n; ++i) {
      const Address base = o_.pointer(mro, l.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i));
      if (tp_repr(base) != own) continue;
      const TypeInfo* info = types_.get(base);
      if (!info) continue;
      for (const std::string_view known : {"functools.partial", "functools._PlaceholderType"})
        if (info->name == known) return known;
      if (!info->name.starts_with("builtins.")) continue;
      const std::string_view name = std::string_view(info->name).substr(9);
      if (!(info->flags & kTpHeapType))
        for (const std::string_view known : kKnown)
          if (name == known) return known;
    }
    return {};
  }

  std::string str_at(Address a, std::int32_t offset) const {
    return o_.str(o_.pointer(a, offset), 200).value_or("?");
  }
  // module.qualname as object.__repr__ writes it: builtins is left out.
  std::string types_name(Address type) const {
    const TypeInfo* info = types_.get(type);
    if (!info) return "?";
    return info->name.starts_with("builtins.") ? info->name.substr(9) : info->name;
  }
  // tp_name: of a class of Python its __name__, of a static type what its C code says.
  std::string tp_name(Address type) const {
    if (o_.type_flags(type) & kTpHeapType) {
      const auto name = o_.c_string(o_.pointer(type, o_.layout().PyTypeObject.tp_name), 400);
      return name ? *name : type_short_name(types_, type);
    }
    return types_name(type);
  }

  void plain(Address a, const TypeInfo& type) {
    put("<" + types_name(type.address) + " object at " + pointer_text(a) + ">");
  }
  void unknown(Address a, const TypeInfo* type) {
    sure = false;
    if (type) return plain(a, *type);
    put("<object at " + pointer_text(a) + ">");
  }

  // Nothing where a digit cannot be read, as of a snapshot that has no values.
  std::optional<std::string> integer(Address a);
  void complex(Address a, const TypeInfo& type) {
    // PyComplexObject: two doubles behind the header.
    const std::int32_t at = o_.layout().PyFloatObject.ob_fval;
    const auto real = o_.load<double>(a, at), imaginary = o_.load<double>(a, at + 8);
    real&& imaginary ? put(complex_repr(*real, *imaginary)) : unknown(a, &type);
  }

  void bytes(Address data, std::int64_t n) {
    const std::byte* p = n > 0 ? o_.image().at(data, static_cast<std::uint64_t>(n)) : nullptr;
    if (n > 0 && !p) return sure = false, put("b'...'");
    if (n <= 0) return put("b''");
    const std::string_view all(reinterpret_cast<const char*>(p), static_cast<std::size_t>(n));
    const char quote = all.find('\'') != all.npos && all.find('"') == all.npos ? '"' : '\'';
    std::string out = std::string("b") + quote;
    for (std::size_t i = 0; i < all.size() && out.size() <= limit_; ++i) {
      const unsigned char c = static_cast<unsigned char>(all[i]);
      if (c == '\\' || all[i] == quote)
        (out += '\\') += all[i];
      else if (c == '\t' || c == '\n' || c == '\r')
        out += c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\r";
      else if (c < 0x20 || c >= 0x7f)
        out += hex("\\x%02llx", c);
      else
        out += all[i];
    }
    put(out + quote);
  }

  // Is it being written already, further out? Python writes dots there.
  struct Inside {
    Inside(std::vector<Address>& all, Address a) : stack(all) { stack.push_back(a); }
    ~Inside() { stack.pop_back(); }
    std::vector<Address>& stack;
  };
  bool inside(Address a) const { return std::find(stack_.begin(), stack_.end(), a) != stack_.end(); }

  void sequence(Address a, bool list) {
    if (inside(a)) return put(list ? "[...]" : "(...)");
    const Inside here(stack_, a);
    const PyLayout& l = o_.layout();
    const std::int64_t n = o_.ob_size(a);
    const Address items = list ? o_.pointer(a, l.PyListObject.ob_item)
                               : a + static_cast<std::uint64_t>(l.PyTupleObject.ob_item);
    put(list ? "[" : "(");
    for (std::int64_t i = 0; i < n && !full(); ++i) {
      if (i) put(", ");
      if (!full()) object(o_.pointer(items + static_cast<std::uint64_t>(i) * 8, 0));
    }
    if (!list && n == 1) put(",");
    put(list ? "]" : ")");
  }
  void dict(Address a) {
    if (inside(a)) return put("{...}");
    const Inside here(stack_, a);
    put("{");
    bool first = true;
    o_.each_item(a, [&](Address key, Address item) {
      if (full()) return false;  // of a million items the few that are shown are read
      if (!first) put(", ");
      first = false;
      if (!full()) object(key);
      put(": ");
      if (!full()) object(item);
      return true;
    });
    put("}");
  }
  void set(Address a, const TypeInfo& type, bool frozen) {
    const std::string name = type.name == "builtins.set" ? "set" : type_short_name(types_, type.address);
    if (o_.load<std::int64_t>(a, o_.layout().PySetObject.used) == 0) return put(name + "()");
    if (inside(a)) return put(name + "(...)");
    const Inside here(stack_, a);
    const bool named = frozen || type.name != "builtins.set";
    put(named ? name + "({" : "{");
    const PyLayout& l = o_.layout();
    const auto mask = o_.load<std::int64_t>(a, l.PySetObject.mask).value_or(0);
    const Address table = o_.pointer(a, l.PySetObject.table);
    const std::uint64_t entry_size = static_cast<std::uint64_t>(l.setentry.size);
    const bool sound = mask >= 0 && mask < std::int64_t{1} << 40 &&
                       o_.image().at(table, (static_cast<std::uint64_t>(mask) + 1) * entry_size);
    if (!sound) {
      sure = false;
      return put(named ? "...})" : "...}");
    }
    bool first = true;
    for (std::int64_t i = 0; i <= mask && !full(); ++i) {
      const Address entry = table + static_cast<std::uint64_t>(i) * entry_size;
      const Address key = o_.pointer(entry, l.setentry.key);
      if (is_null(key) || o_.load<std::int64_t>(entry, l.setentry.hash) == -1) continue;
      if (!first) put(", ");
      first = false;
      if (!full()) object(key);
    }
    put(named ? "})" : "}");
  }

  void range(Address a, const TypeInfo& type, std::string_view rule) {
    const Address start = named_field(o_, a, type, "start"), stop = named_field(o_, a, type, "stop"),
                  step = named_field(o_, a, type, "step");
    if (is_null(start) || is_null(stop) || is_null(step)) return unknown(a, &type);
    put(std::string(rule) + "(");
    object(start);
    put(", ");
    object(stop);
    const TypeInfo* step_type = types_.get(o_.type_of(step));
    if (rule == "slice" || !step_type || step_type->name != "builtins.int" || integer(step) != "1") {
      put(", ");
      object(step);
    }
    put(")");
  }

  void exception(Address a, const TypeInfo& type) {
    const Address args = named_field(o_, a, type, "args");
    if (is_null(args)) return unknown(a, &type);
    put(type_short_name(types_, type.address));
    if (o_.ob_size(args) != 1) return object(args);
    // 3.7 on: ValueError('x') without the comma.
    put("(");
    if (!full()) object(o_.pointer(args, o_.layout().PyTupleObject.ob_item));
    put(")");
  }

  void partial(Address a, const TypeInfo& type) {
    const Address fn = named_field(o_, a, type, "fn"), args = named_field(o_, a, type, "args"),
                  kw = named_field(o_, a, type, "kw");
    if (is_null(fn) || is_null(args) || is_null(kw)) return unknown(a, &type);
    if (inside(a)) return put("...");
    const Inside here(stack_, a);
    put(types_name(type.address) + "(");
    if (!full()) object(fn);
    const PyLayout& l = o_.layout();
    for (std::int64_t i = 0; i < o_.ob_size(args) && !full(); ++i) {
      put(", ");
      if (!full()) object(o_.pointer(args + static_cast<std::uint64_t>(i) * 8, l.PyTupleObject.ob_item));
    }
    o_.each_item(kw, [&](Address key, Address item) {
      if (full()) return false;
      put(", " + o_.str(key, 200).value_or("?") + "=");
      if (!full()) object(item);
      return true;
    });
    put(")");
  }

  void cell(Address a) {
    const Address held = o_.pointer(a, o_.layout().PyCellObject.ob_ref);
    if (is_null(held)) return put("<cell at " + pointer_text(a) + ": empty>");
    put("<cell at " + pointer_text(a) + ": " + tp_name(o_.type_of(held)) + " object at " +
        pointer_text(held) + ">");
  }
  void weakref(Address a) {
    const PyLayout& l = o_.layout();
    const Address held = o_.pointer(a, l.PyWeakReference.wr_object);
    const TypeInfo* type = is_null(held) ? nullptr : types_.get(o_.type_of(held));
    if (!type || type->name == "builtins.NoneType") return put("<weakref at " + pointer_text(a) + "; dead>");
    // A function or class has a name of its own behind it.
    const bool whole = o_.python().rules.weakref_repr_has_whole_name;
    std::string named;
    if (type->name == "builtins.function") named = " (" + str_at(held, l.PyFunctionObject.func_name) + ")";
    if (type->flags & kTpTypeSubclass) named = " (" + type_short_name(types_, held) + ")";
    put("<weakref at " + pointer_text(a) + "; to '" +
        (whole ? types_name(type->address) : tp_name(type->address)) + "' at " + pointer_text(held) + named +
        ">");
  }
  void method(Address a, const TypeInfo& type) {
    const PyLayout& l = o_.layout();
    const Address function = o_.pointer(a, l.PyMethodObject.im_func),
                  self = o_.pointer(a, l.PyMethodObject.im_self);
    const TypeInfo* info = types_.get(o_.type_of(function));
    if (!info || info->name != "builtins.function") return unknown(a, &type);
    put("<bound method " + str_at(function, l.PyFunctionObject.func_qualname) + " of ");
    if (!full()) object(self);
    put(">");
  }
  void code(Address a) {
    const auto& l = o_.layout().PyCodeObject;
    put("<code object " + str_at(a, l.co_name) + " at " + pointer_text(a) + ", file \"" +
        str_at(a, l.co_filename) + "\", line " +
        std::to_string(o_.load<std::int32_t>(a, l.co_firstlineno).value_or(0)) + ">");
  }
  void builtin(Address a) {
    const PyLayout& l = o_.layout();
    const std::string name =
        o_.c_string(o_.pointer(o_.pointer(a, l.PyCFunctionObject.m_ml), l.PyMethodDef.ml_name), 200)
            .value_or("?");
    const Address self = o_.pointer(a, l.PyCFunctionObject.m_self);
    const TypeInfo* type = is_null(self) ? nullptr : types_.get(o_.type_of(self));
    if (!type || type->body == TraverseRule::kModule) return put("<built-in function " + name + ">");
    put("<built-in method " + name + " of " + tp_name(type->address) + " object at " + pointer_text(self) +
        ">");
  }
  void descriptor(Address a, const TypeInfo& type, const char* what) {
    const std::string name = str_at(a, o_.layout().PyDescrObject.d_name);
    const std::string of = tp_name(named_field(o_, a, type, "d_common.d_type"));
    // These two are made once, for all classes.
    const bool shared = o_.python().rules.shared_descriptors && of == "object" &&
                        (name == "__dict__" || name == "__weakref__");
    put("<" + std::string(what) + " '" + name + "'" + (shared ? ">" : " of '" + of + "' objects>"));
  }
  void method_wrapper(Address a, const TypeInfo& type) {
    const Address descr = named_field(o_, a, type, "descr"), self = named_field(o_, a, type, "self");
    if (is_null(descr) || is_null(self)) return unknown(a, &type);
    put("<method-wrapper '" + str_at(descr, o_.layout().PyDescrObject.d_name) + "' of " +
        tp_name(o_.type_of(self)) + " object at " + pointer_text(self) + ">");
  }

  TypeTable& types_;
  const Objects& o_;
  const std::size_t limit_;
  std::vector<Address> stack_;
};

std::optional<std::string> Writer::integer(Address a) {
  auto number = integer_repr(o_, a);
  if (number && number->empty()) {
    sure = false;
    *number = "(unrepresentable)";
  }
  return number;
}

}  // namespace

std::string type_short_name(TypeTable& types, Address type) {
  const Objects& o = types.objects();
  if (o.type_flags(type) & kTpHeapType)
    return o.str(o.pointer(type, o.layout().PyHeapTypeObject.ht_name)).value_or("?");
  const TypeInfo* info = types.get(type);
  return info ? info->name.substr(info->name.rfind('.') + 1) : "?";
}

std::string type_module(TypeTable& types, Address type) {
  const Objects& o = types.objects();
  if (o.type_flags(type) & kTpHeapType)
    return o.str(o.item(types.type_dict(type), "__module__")).value_or(std::string());
  const TypeInfo* info = types.get(type);
  const std::size_t dot = info ? info->name.rfind('.') : std::string::npos;
  return dot == std::string::npos ? std::string() : info->name.substr(0, dot);
}

Address named_field(const Objects& o, Address object, const TypeInfo& type, std::string_view name) {
  for (const ObjectField& f : type.fields)
    if ((f.kind == EdgeKind::kField || (f.kind == EdgeKind::kDict && f.payload)) && !f.after_items &&
        reinterpret_cast<const FieldName*>(f.payload)->name == name)
      return o.pointer(object, f.offset);
  return {};
}

PythonRepr python_repr(TypeTable& types, Address object, std::size_t limit) {
  Writer writer(types, limit);
  writer.object(object);
  return {std::move(writer.text), writer.sure};
}

}  // namespace heapglass
