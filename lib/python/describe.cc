#include "lib/python/describe.h"

#include <charconv>
#include <cstdio>

#include "lib/python/frames.h"

namespace heapglass {
namespace {

bool is_identifier(const std::string& s) {
  if (s.empty() || (s[0] >= '0' && s[0] <= '9')) return false;
  for (const char c : s) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (!word) return false;
  }
  return true;
}

std::string items(std::int64_t n) { return std::to_string(n) + (n == 1 ? " item" : " items"); }

std::string integer(const Objects& o, Address object) {
  const PyLayout& l = o.layout();
  std::uint64_t digits;
  bool negative;
  if (o.python().rules.int_tag) {
    const auto tag = o.load<std::uint64_t>(object, l.PyLongObject.lv_tag);
    if (!tag) return {};
    digits = *tag >> 3;
    negative = (*tag & 3) == 2;
  } else {
    if (!o.load(object, l.PyVarObject.ob_size)) return {};
    digits = o.item_count(object);
    negative = o.ob_size(object) < 0;
  }
  if (digits > 4) return "an int of about " + std::to_string(digits * 30) + " bits";
  unsigned __int128 v = 0;
  for (std::uint64_t i = digits; i-- > 0;) {
    const auto digit =
        o.load<std::uint32_t>(object, l.PyLongObject.ob_digit + static_cast<std::int32_t>(4 * i));
    if (!digit) return {};  // as of a snapshot that has no values
    v = v << 30 | *digit;
  }
  std::string text;
  do {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(v % 10)));
    v /= 10;
  } while (v);
  return negative ? "-" + text : text;
}

std::string bytes_repr(const Objects& o, Address data, std::int64_t n, std::size_t limit) {
  if (n < 0) return {};
  const std::size_t shown = std::min<std::size_t>(static_cast<std::size_t>(n), limit / 2);
  const std::byte* p = o.image().at(data, shown);
  if (!p && shown) return {};
  std::string text = "b'";
  for (std::size_t i = 0; i < shown; ++i) {
    const unsigned c = std::to_integer<unsigned>(p[i]);
    char escape[8];
    if (c >= 0x20 && c < 0x7f && c != '\'' && c != '\\') {
      text += static_cast<char>(c);
    } else {
      std::snprintf(escape, sizeof escape, "\\x%02x", c);
      text += escape;
    }
  }
  text += "'";
  if (static_cast<std::size_t>(n) > shown) text += "... " + std::to_string(n) + " bytes";
  return text;
}

// What Python code calls a field of a C struct; its own name where nothing else is known.
std::string_view python_name(std::string_view field) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"im_self", "__self__"},
      {"im_func", "__func__"},
      {"m_self", "__self__"},
      {"m_module", "__module__"},
      {"func_code", "__code__"},
      {"func_globals", "__globals__"},
      {"func_builtins", "__builtins__"},
      {"func_module", "__module__"},
      {"func_defaults", "__defaults__"},
      {"func_kwdefaults", "__kwdefaults__"},
      {"func_doc", "__doc__"},
      {"func_name", "__name__"},
      {"func_qualname", "__qualname__"},
      {"func_dict", "__dict__"},
      {"func_closure", "__closure__"},
      {"func_annotations", "__annotations__"},
      {"func_annotate", "__annotate__"},
      {"func_typeparams", "__type_params__"},
      {"ob_ref", "cell_contents"},
      {"wr_object", "referent"},
      {"wr_callback", "__callback__"},
      {"d_common.d_type", "__objclass__"},
      {"prop_get", "fget"},
      {"prop_set", "fset"},
      {"prop_del", "fdel"},
      {"sm_callable", "__func__"},
      {"cm_callable", "__func__"},
      {"task_coro", "coroutine"},
      {"task_fut_waiter", "waits for"},
      {"task_loop", "loop"},
      {"fut_loop", "loop"},
      {"task_callback0", "callback"},
      {"fut_callback0", "callback"},
      {"task_callbacks", "callbacks"},
      {"fut_callbacks", "callbacks"},
      {"task_context", "context"},
      {"task_name", "name"},
      {"task_result", "result"},
      {"fut_result", "result"},
      {"task_exception", "exception"},
      {"fut_exception", "exception"},
      {"f_func", "function"},
      {"frame_obj", "frame"},
  };
  for (const auto& [c, python] : kNames)
    if (field == c) return python;
  return field;
}

}  // namespace

std::string quoted(const std::string& text, std::size_t limit) {
  std::string out = "'";
  std::size_t shown = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if ((c & 0xc0) != 0x80 && shown++ == limit) return out + "...'";
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\'' || c == '\\')
      (out += '\\') += text[i];
    else if (c < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", c);
      out += escape;
    } else
      out += text[i];
  }
  return out + "'";
}

std::string short_repr(TypeTable& types, Address object, const TypeInfo& type, std::size_t limit) {
  const Objects& o = types.objects();
  const PyLayout& l = o.layout();
  const std::string& name = type.name;
  auto text_of = [&](std::int32_t offset) {
    return o.str(o.pointer(object, offset), limit).value_or(std::string());
  };
  if (type.flags & kTpUnicodeSubclass) {
    const auto text = o.str(object, limit + 1);
    if (!text) return {};
    std::string repr = quoted(*text, limit);
    const std::uint64_t n = o.str_length(object).value_or(0);
    if (n > limit) repr += " " + std::to_string(n) + " characters";
    return repr;
  }
  if (type.flags & kTpTypeSubclass) return types.get(object) ? types.get(object)->name : std::string();
  if (name == "builtins.bool") {
    const std::string number = integer(o, object);
    return number.empty() ? "" : number == "0" ? "False" : "True";
  }
  if (type.flags & kTpLongSubclass) return integer(o, object);
  if (name == "builtins.float") {
    const auto v = o.load<double>(object, l.PyFloatObject.ob_fval);
    char buffer[32];
    if (!v) return {};
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, *v);
    std::string text(buffer, end);
    if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
    return text;
  }
  if (type.flags & kTpBytesSubclass)
    return bytes_repr(o, object + static_cast<std::uint64_t>(l.PyBytesObject.ob_sval), o.ob_size(object),
                      limit);
  if (name == "builtins.bytearray") return std::to_string(o.ob_size(object)) + " bytes";
  if (type.flags & kTpDictSubclass)
    return items(o.load<std::int64_t>(object, l.PyDictObject.ma_used).value_or(0));
  if (type.flags & (kTpListSubclass | kTpTupleSubclass)) return items(o.ob_size(object));
  switch (type.body) {
    case TraverseRule::kSet:
      return items(o.load<std::int64_t>(object, l.PySetObject.used).value_or(0));
    case TraverseRule::kDeque:
      return items(o.ob_size(object));
    case TraverseRule::kModule:
      return types.module_label(object) + text_of(l.PyModuleObject.md_name);
    case TraverseRule::kBuiltinMethod:
      return o.c_string(o.pointer(o.pointer(object, l.PyCFunctionObject.m_ml), l.PyMethodDef.ml_name), 200)
          .value_or(std::string());
    case TraverseRule::kFrame: {
      const PyFrame frame = read_frame_object(o, object);
      return frame.file.substr(frame.file.rfind('/') + 1) + ":" + std::to_string(frame.line) + " in " +
             frame.function;
    }
    case TraverseRule::kGenerator:
      return text_of(l.PyGenObject.gi_qualname);
    default:
      break;
  }
  if (name == "builtins.function") return text_of(l.PyFunctionObject.func_qualname);
  if (name == "builtins.code") return text_of(l.PyCodeObject.co_name);
  if (name == "builtins.method") {
    const Address function = o.pointer(object, l.PyMethodObject.im_func);
    return o.str(o.pointer(function, l.PyFunctionObject.func_qualname), limit).value_or(std::string());
  }
  if (name == "builtins.method_descriptor" || name == "builtins.wrapper_descriptor" ||
      name == "builtins.getset_descriptor" || name == "builtins.member_descriptor" ||
      name == "builtins.classmethod_descriptor") {
    return text_of(l.PyDescrObject.d_name);
  }
  return {};
}

std::string edge_label(TypeTable& types, const Edge& edge, bool in_namespace) {
  const Objects& o = types.objects();
  auto field = [&] {
    return std::string(python_name(reinterpret_cast<const FieldName*>(edge.payload)->name));
  };
  auto name_of_str = [&]() -> std::string { return o.str(Address{edge.payload}, 60).value_or("?"); };
  switch (edge.kind) {
    case EdgeKind::kField:
      return field();
    case EdgeKind::kState:
      return "state." + field();
    case EdgeKind::kSlot:
      return o.c_string(Address{edge.payload}, 200).value_or("?");
    case EdgeKind::kAttribute:
    case EdgeKind::kLocal:
      return name_of_str();
    case EdgeKind::kIndex:
      return "[" + std::to_string(edge.payload) + "]";
    case EdgeKind::kKey:
      return "key";
    case EdgeKind::kElement:
      return "element";
    case EdgeKind::kStack:
      return "stack[" + std::to_string(edge.payload) + "]";
    case EdgeKind::kType:
      return "type";
    case EdgeKind::kDict:
      return "__dict__";
    case EdgeKind::kLink:
      return "link";
    case EdgeKind::kUnknown:
      return {};
    case EdgeKind::kValue:
      break;
  }
  const Address key{edge.payload};
  const TypeInfo* type = types.get(o.type_of(key));
  if (!type) return {};
  if (in_namespace && type->flags & kTpUnicodeSubclass) {
    const auto text = o.str(key, 60);
    if (text && is_identifier(*text)) return *text;
  }
  const std::string repr = short_repr(types, key, *type, 40);
  const std::string short_name = type->name.substr(type->name.rfind('.') + 1);
  return "[" +
         (repr.empty() || repr.ends_with("items") || repr.ends_with("item")
              ? short_name + (repr.empty() ? "" : " of " + repr)
              : repr) +
         "]";
}

bool is_interned_table(const Objects& objects, Address dict) {
  constexpr int kLooked = 64;
  if (!(objects.flags_of(dict) & kTpDictSubclass)) return false;
  int met = 0;
  bool is = true;
  objects.each_item(dict, [&](Address key, Address value) {
    is = key == value && objects.flags_of(key) & kTpUnicodeSubclass;
    return is && ++met < kLooked;
  });
  return is && met == kLooked;
}

}  // namespace heapglass
