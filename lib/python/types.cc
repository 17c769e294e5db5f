#include "lib/python/types.h"

#include "lib/python/type_rows.h"

namespace heapglass {

TypeTable::TypeTable(const Objects& objects, const Limits& limits, ReadErrors& health)
    : objects_(objects),
      limits_(limits),
      health_(health),
      sources_(objects.python().sources),
      rows_(new Rows) {
  const std::uint32_t running = objects.python().hexversion;
  auto serves = [&](std::uint32_t since, std::uint32_t until) {
    return running >= since && (until == 0 || running < until);
  };
  for (const CTypeRow& row : c_type_rows())
    if (serves(row.since, row.until)) rows_->by_type[row.type].push_back(&row);
  for (const ModuleStateRow& row : module_state_rows())
    if (serves(row.since, row.until)) rows_->by_module[row.module] = &row;
  for (const SizeRow& row : size_rows()) rows_->size_by_owner[row.owner] = row.rule;

  const PyRuntime& python = objects.python();
  const PyLayout& l = python.layout;
  Address interpreter = objects.pointer(python.runtime, l.PyRuntimeState.interpreters_main);
  if (python.rules.static_type_state && l.PyInterpreterState.static_types != kAbsent) {
    static_types_ = interpreter + static_cast<std::uint64_t>(l.PyInterpreterState.static_types);
    if (l.PyInterpreterState.extension_types != kAbsent)
      extension_types_ = interpreter + static_cast<std::uint64_t>(l.PyInterpreterState.extension_types);
  }
  const Address modules = objects.pointer(interpreter, l.PyInterpreterState.modules);
  type_type_ = objects.type_of(objects.type_of(modules));
  // The bootstrap of import is there in every process, and ModuleSpec is a plain Python class: its
  // tp_traverse is subtype_traverse, under whatever name the linker has left it.
  const Address bootstrap = objects.item(modules, "_frozen_importlib");
  const Address bootstrap_dict = objects.pointer(bootstrap, l.PyModuleObject.md_dict);
  const Address spec = objects.item(bootstrap_dict, "ModuleSpec");
  if (!is_null(spec)) subtype_traverse_ = objects.pointer(spec, l.PyTypeObject.tp_traverse);
  if (!python.rules.log2_keys) lookdict_ = find_lookdict();
  const Address sysdict = objects.pointer(interpreter, l.PyInterpreterState.sysdict);
  rules_ = python.rules;
  apply_backports(running, objects.str(objects.item(sysdict, "version")).value_or(""), rules_);
  const Address version_info = objects.item(sysdict, "version_info");
  if (!is_null(version_info) && rules_.structseq_has_traverse)
    structseq_traverse_ = objects.pointer(objects.type_of(version_info), l.PyTypeObject.tp_traverse);
}

TypeTable::~TypeTable() = default;

Address TypeTable::find_lookdict() const {
  // Of a dict whose keys are no str: `object` keeps its subclasses in one by address, ints, from its first
  // class on.
  const PyLayout& l = objects_.layout();
  Address base = type_type_;
  for (std::uint64_t i = 0; i < limits_.base_chain; ++i) {
    const Address next = objects_.pointer(base, l.PyTypeObject.tp_base);
    if (is_null(next)) break;
    base = next;
  }
  const Address subclasses = objects_.pointer(base, l.PyTypeObject.tp_subclasses);
  return objects_.pointer(objects_.pointer(subclasses, l.PyDictObject.ma_keys), l.PyDictKeysObject.dk_lookup);
}

const TypeInfo* TypeTable::get(Address type) {
  {
    std::shared_lock lock(mutex_);
    const auto at = by_address_.find(value(type));
    if (at != by_address_.end()) return at->second.get();
  }
  // Built outside the lock: two workers may build the same one, the first stays.
  std::unique_ptr<TypeInfo> info = build(type);
  std::unique_lock lock(mutex_);
  if (by_index_.size() >= limits_.types && info) {
    health_.skip(Skip::kTooMany, type);
    info = nullptr;
  }
  // What is no type is remembered too, within limits: damaged memory names the same bad word again and again.
  if (!info && by_address_.size() >= 2 * limits_.types) return nullptr;
  const auto [at, is_new] = by_address_.try_emplace(value(type), std::move(info));
  if (is_new && at->second) {
    at->second->index = static_cast<std::uint32_t>(by_index_.size());
    by_index_.push_back(at->second.get());
  }
  return at->second.get();
}

std::vector<const TypeInfo*> TypeTable::all() const {
  std::shared_lock lock(mutex_);
  return by_index_;
}

Address TypeTable::type_field(Address type, std::int32_t in_type, std::int32_t in_state) const {
  const PyLayout& l = objects_.layout();
  if (!is_null(static_types_) && objects_.type_flags(type) & kTpStaticBuiltin) {
    // tp_subclasses of a static builtin type is its index in the interpreter's state, plus one; which of the
    // two arrays it counts in shows by the entry's own type pointer.
    const std::uint64_t index = value(objects_.pointer(type, l.PyTypeObject.tp_subclasses));
    if (index == 0 || index > 4096) return Address{};
    for (const Address array : {static_types_, extension_types_}) {
      if (is_null(array)) continue;
      const Address entry = array + (index - 1) * static_cast<std::uint64_t>(l.static_type_state.size);
      if (objects_.pointer(entry, l.static_type_state.type) == type) return objects_.pointer(entry, in_state);
    }
    return Address{};
  }
  return objects_.pointer(type, in_type);
}

Address TypeTable::type_dict(Address type) const {
  const PyLayout& l = objects_.layout();
  return type_field(type, l.PyTypeObject.tp_dict, l.static_type_state.tp_dict);
}

std::string TypeTable::name_of(Address type, std::uint64_t flags) const {
  const PyLayout& l = objects_.layout();
  if (flags & kTpHeapType) {
    const auto qualname = objects_.str(objects_.pointer(type, l.PyHeapTypeObject.ht_qualname));
    if (!qualname) return {};
    const auto module = objects_.str(objects_.item(type_dict(type), "__module__"));
    return module ? *module + "." + *qualname : *qualname;
  }
  const auto name = objects_.c_string(objects_.pointer(type, l.PyTypeObject.tp_name), limits_.name_bytes);
  if (!name) return {};
  return name->find('.') == std::string::npos ? "builtins." + *name : *name;
}

std::unique_ptr<TypeInfo> TypeTable::build(Address type) {
  const PyLayout& l = objects_.layout();
  if (value(type) % 8 || is_null(type)) return nullptr;
  // A type's type is a type, by its flag; nothing else in memory passes that, the sizes and the name at once.
  const Address metatype = objects_.type_of(type);
  if (!(objects_.type_flags(metatype) & kTpTypeSubclass)) return nullptr;
  const auto basicsize = objects_.load<std::int64_t>(type, l.PyTypeObject.tp_basicsize);
  const auto itemsize = objects_.load<std::int64_t>(type, l.PyTypeObject.tp_itemsize);
  const auto flags = objects_.load<std::uint64_t>(type, l.PyTypeObject.tp_flags);
  if (!basicsize || !itemsize || !flags || *basicsize < l.PyObject.size || *basicsize > 1 << 30 ||
      *itemsize < 0 || *itemsize > 1 << 20) {
    return nullptr;
  }
  auto info = std::make_unique<TypeInfo>();
  info->address = type;
  info->flags = *flags;
  info->basicsize = *basicsize;
  info->itemsize = *itemsize;
  info->name = name_of(type, *flags);
  if (info->name.empty()) {
    health_.skip(Skip::kBadType, type);
    return nullptr;
  }
  info->dictoffset = objects_.load<std::int64_t>(type, l.PyTypeObject.tp_dictoffset).value_or(0);
  info->weaklistoffset = objects_.load<std::int64_t>(type, l.PyTypeObject.tp_weaklistoffset).value_or(0);
  info->tp_traverse = objects_.pointer(type, l.PyTypeObject.tp_traverse);
  info->base = objects_.pointer(type, l.PyTypeObject.tp_base);
  info->has_gc = (*flags & kTpHaveGc) != 0;
  const VersionTraits& rules = objects_.python().rules;
  info->pre_header_size = (info->has_gc ? static_cast<std::uint32_t>(l.PyGC_Head.size) : 0) +
                          (*flags & rules.pre_header_flags ? 16 : 0);
  plan_references(*info);
  plan_size(*info);
  return info;
}

std::uint64_t TypeTable::field_name(std::string_view name) {
  std::lock_guard lock(names_mutex_);
  auto& slot = field_names_[std::string(name)];
  if (!slot) slot = std::make_unique<FieldName>(FieldName{std::string(name)});
  return reinterpret_cast<std::uint64_t>(slot.get());
}

}  // namespace heapglass
