// What objects of the standard library refer to beyond plain fields.
#include "lib/python/references.h"
#include "lib/python/words.h"

namespace heapglass {
namespace {

std::string_view short_name(std::string_view name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

void References::builtin_method(Address object, EdgeSink& sink) const {
  constexpr std::int32_t kMethMethod = 0x200;  // METH_METHOD, Include/methodobject.h
  static const FieldName kClass{"mm_class"};
  const Address ml = objects_.pointer(object, layout_.PyCFunctionObject.m_ml);
  const auto flags = objects_.load<std::int32_t>(ml, layout_.PyMethodDef.ml_flags);
  if (flags && *flags & kMethMethod)
    sink.add(objects_.pointer(object, layout_.PyCMethodObject.mm_class), EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&kClass), EdgeClass::kVisited);
}

void References::element(Address object, EdgeSink& sink) const {
  static const FieldName kText{"text"}, kTail{"tail"}, kAttrib{"attrib"};
  auto tagged = [&](std::int32_t offset, const FieldName& name) {
    sink.add(Address{value(objects_.pointer(object, offset)) & ~std::uint64_t{1}}, EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&name), EdgeClass::kVisited);
  };
  tagged(layout_.ElementObject.text, kText);
  tagged(layout_.ElementObject.tail, kTail);
  const Address extra = objects_.pointer(object, layout_.ElementObject.extra);
  if (is_null(extra)) return;
  const auto& l = layout_.ElementObjectExtra;
  sink.add(objects_.pointer(extra, l.attrib), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kAttrib),
           EdgeClass::kVisited);
  const auto n = objects_.load<std::int64_t>(extra, l.length);
  if (!n || *n < 0) return health_.skip(Skip::kImplausibleSize, object);
  pointers(objects_.pointer(extra, l.children), static_cast<std::uint64_t>(*n), EdgeKind::kIndex, sink,
           object);
}

void References::ctypes_type(Address object, EdgeSink& sink) const {
  static const FieldName kProto{"proto"}, kArgtypes{"argtypes"}, kConverters{"converters"},
      kRestype{"restype"}, kChecker{"checker"}, kModule{"module"}, kPointerType{"pointer_type"};
  auto field = [&](Address base, std::int32_t offset, const FieldName& name, EdgeClass cls) {
    sink.add(objects_.pointer(base, offset), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&name), cls);
  };
  if (layout_.StgInfo.proto == kAbsent) {
    // The StgDict is the type's dict, and tells what it holds itself but for proto.
    const Address dict = types_.type_dict(object);
    const TypeInfo* dict_type = types_.get(objects_.type_of(dict));
    if (dict_type && short_name(dict_type->name) == "StgDict")
      field(dict, layout_.StgDictObject.proto, kProto, EdgeClass::kVisited);
  } else {
    // PyObject_GetTypeData: behind the type object, rounded up as for any object.
    const auto size = objects_.load<std::int64_t>(types_.type_type(), layout_.PyTypeObject.tp_basicsize);
    if (!size || *size < 0 || *size > 1 << 20) return health_.skip(Skip::kBadType, object);
    const Address info = object + static_cast<std::uint64_t>((*size + 15) / 16 * 16);
    if (objects_.load<std::int32_t>(info, layout_.StgInfo.initialized).value_or(0)) {
      field(info, layout_.StgInfo.proto, kProto, EdgeClass::kVisited);
      field(info, layout_.StgInfo.argtypes, kArgtypes, EdgeClass::kVisited);
      field(info, layout_.StgInfo.converters, kConverters, EdgeClass::kVisited);
      field(info, layout_.StgInfo.restype, kRestype, EdgeClass::kVisited);
      field(info, layout_.StgInfo.checker, kChecker, EdgeClass::kVisited);
      field(info, layout_.StgInfo.module, kModule, EdgeClass::kVisited);
      field(info, layout_.StgInfo.pointer_type, kPointerType, EdgeClass::kVisited);  // 3.14+
    }
  }
  type_object(object, sink);
}

void References::pickler_memo(Address object, EdgeSink& sink) const {
  const EdgeClass cls =
      objects_.python().rules.pickle_memo_is_visited ? EdgeClass::kVisited : EdgeClass::kOwned;
  const Address memo = objects_.pointer(object, layout_.PicklerObject.memo);
  if (is_null(memo)) return;
  const auto n = objects_.load<std::uint64_t>(memo, layout_.PyMemoTable.mt_allocated);
  const std::uint64_t entry = static_cast<std::uint64_t>(layout_.PyMemoEntry.size);
  if (!n || *n > std::uint64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
  const std::byte* entries =
      objects_.image().at(objects_.pointer(memo, layout_.PyMemoTable.mt_table), *n * entry);
  if (!entries) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < *n; ++i)
    sink.add(Address{word_at(entries + i * entry + layout_.PyMemoEntry.me_key, 0)}, EdgeKind::kKey, 0, cls);
}

void References::unpickler_memo(Address object, EdgeSink& sink) const {
  const EdgeClass cls =
      objects_.python().rules.pickle_memo_is_visited ? EdgeClass::kVisited : EdgeClass::kOwned;
  const Address memo = objects_.pointer(object, layout_.UnpicklerObject.memo);
  if (is_null(memo)) return;
  const auto n = objects_.load<std::uint64_t>(object, layout_.UnpicklerObject.memo_size);
  if (!n || *n > std::uint64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
  const std::byte* items = objects_.image().at(memo, *n * 8);
  if (!items) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < *n; ++i) sink.add(Address{word_at(items, i)}, EdgeKind::kIndex, i, cls);
}

void References::sqlite_connection(Address object, EdgeSink& sink) const {
  static const FieldName kCallable{"callable"}, kModule{"module"};
  const auto& l = layout_.pysqlite_Connection;
  for (const std::int32_t offset : {l.trace_ctx, l.progress_ctx, l.authorizer_ctx}) {
    const Address context = objects_.pointer(object, offset);
    if (is_null(context)) continue;
    sink.add(objects_.pointer(context, layout_.callback_context.callable), EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&kCallable), EdgeClass::kVisited);
    sink.add(objects_.pointer(context, layout_.callback_context.module), EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&kModule), EdgeClass::kVisited);
  }
}

void References::sqlite_cache(Address object, EdgeSink& sink) const {
  // To 3.10 a chain of nodes from the most used on; they are objects of their own.
  const EdgeClass cls =
      objects_.python().rules.sqlite_cache_is_visited ? EdgeClass::kVisited : EdgeClass::kOwned;
  Address node = objects_.pointer(object, layout_.pysqlite_Cache.first);
  for (std::uint64_t i = 0; !is_null(node) && i < 1'000'000; ++i) {
    sink.add(node, EdgeKind::kLink, i, cls);
    node = objects_.pointer(node, layout_.pysqlite_Node.next);
  }
}

void References::element_iterator(Address object, EdgeSink& sink) const {
  const auto n = objects_.load<std::int64_t>(object, layout_.ElementIterObject.parent_stack_used);
  if (!n || *n < 0 || *n > std::int64_t{1} << 32) return health_.skip(Skip::kImplausibleSize, object);
  constexpr std::uint64_t kParentLocator = 16;  // {parent, child_index}, Modules/_elementtree.c
  const std::uint64_t count = static_cast<std::uint64_t>(*n);
  const std::byte* stack = objects_.image().at(
      objects_.pointer(object, layout_.ElementIterObject.parent_stack), count * kParentLocator);
  if (!stack && count) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < count; ++i)
    sink.add(Address{word_at(stack + i * kParentLocator, 0)}, EdgeKind::kIndex, i, EdgeClass::kVisited);
}

void References::regex_template(Address object, EdgeSink& sink) const {
  const std::int64_t n = objects_.ob_size(object);
  if (n < 0 || n > std::int64_t{1} << 32) return health_.skip(Skip::kImplausibleSize, object);
  constexpr std::uint64_t kItem = 16;  // {index, literal}, Modules/_sre/sre.h
  const std::uint64_t count = static_cast<std::uint64_t>(n);
  const std::byte* items = objects_.image().at(at(object, layout_.TemplateObject.items), count * kItem);
  if (!items && count) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < count; ++i)
    sink.add(Address{word_at(items + i * kItem, 1)}, EdgeKind::kIndex, i, EdgeClass::kVisited);
}

void References::capsule(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PyCapsule;
  if (l.traverse_func == kAbsent || is_null(objects_.pointer(object, l.traverse_func))) return;
  static const FieldName kType{"type"};
  const auto name = objects_.c_string(objects_.pointer(object, l.name), 64);
  if (name != "_socket.CAPI" && name != "_curses._C_API") return;
  sink.add(objects_.pointer(objects_.pointer(object, l.pointer), 0), EdgeKind::kField,
           reinterpret_cast<std::uint64_t>(&kType), EdgeClass::kVisited);
}

void References::string_writer(Address object, EdgeSink& sink) const {
  static const FieldName kBuffer{"writer.buffer"};
  const Address writer = objects_.pointer(object, layout_.stringio.writer);
  if (is_null(writer)) return;  // what was written has been read, and is in the C buffer
  sink.add(objects_.pointer(writer, layout_.PyUnicodeWriter.buffer), EdgeKind::kField,
           reinterpret_cast<std::uint64_t>(&kBuffer), EdgeClass::kOwned);
}

void References::time_zone(Address object, const TypeInfo& type, EdgeSink& sink) const {
  static const FieldName kZone{"tzinfo"};
  const bool is_time = type.basicsize == layout_.PyDateTime_Time.size;
  const std::int32_t has =
      is_time ? layout_.PyDateTime_Time.hastzinfo : layout_.PyDateTime_DateTime.hastzinfo;
  const std::int32_t zone = is_time ? layout_.PyDateTime_Time.tzinfo : layout_.PyDateTime_DateTime.tzinfo;
  if (objects_.load<std::uint8_t>(object, has).value_or(0))
    sink.add(objects_.pointer(object, zone), EdgeKind::kField, reinterpret_cast<std::uint64_t>(&kZone),
             EdgeClass::kOwned);
}

void References::method_caller(Address object, EdgeSink& sink) const {
  static const FieldName kNames{"vectorcall_kwnames"};
  const auto& l = layout_.methodcallerobject;
  if (!is_null(objects_.pointer(object, l.vectorcall_args)))
    sink.add(objects_.pointer(object, l.vectorcall_kwnames), EdgeKind::kField,
             reinterpret_cast<std::uint64_t>(&kNames), EdgeClass::kOwned);
}

}  // namespace heapglass
