// How the instances of a type are read: which fields refer to what, and how their size is computed.
#include <algorithm>
#include <charconv>

#include "lib/python/type_rows.h"
#include "lib/python/types.h"

namespace heapglass {

bool TypeTable::parse_fields(std::string_view structure, std::string_view fields, EdgeKind kind,
                             EdgeClass cls, std::vector<ObjectField>& out) {
  if (fields.empty()) return true;
  if (!structure.empty() && !sources_.size(structure)) return false;
  each_listed_field(fields, [&](std::string_view word) {
    const std::size_t at = word.find('@');
    const std::string_view path = word.substr(0, at);
    const FieldUse use = at == std::string_view::npos
                             ? FieldUse::kVisited
                             : field_use(word.substr(at + 1), objects_.python().hexversion);
    if (use == FieldUse::kNone) return;
    const EdgeClass field_class = use == FieldUse::kOwned ? EdgeClass::kOwned : cls;
    if (path.starts_with('+')) {  // an offset, where no struct has a name of its own; perhaps with a name
      std::int32_t offset = 0;
      std::from_chars(path.data() + 1, path.data() + path.size(), offset);
      const std::size_t name = path.find('=');
      out.push_back({offset, kind, field_class,
                     field_name(name == std::string_view::npos ? path : path.substr(name + 1))});
      return;
    }
    const auto field = sources_.field(structure, path);
    if (!field || field->offset > 1 << 20) return;
    out.push_back({static_cast<std::int32_t>(field->offset), kind, field_class, field_name(path)});
  });
  return true;
}

bool TypeTable::can_read(TraverseRule body) const {
  const PyLayout& l = objects_.layout();
  auto known = [](std::initializer_list<std::int32_t> offsets) {
    return std::none_of(offsets.begin(), offsets.end(), [](std::int32_t o) { return o == kAbsent; });
  };
  switch (body) {
    case TraverseRule::kDeque:
      return known(
          {l.dequeobject.leftblock, l.dequeobject.leftindex, l.block.data, l.block.rightlink, l.block.size});
    case TraverseRule::kOrderedDict:
      return known({l.PyODictObject.od_first, l.ODictNode.key, l.ODictNode.next});
    case TraverseRule::kSet:
      return known({l.PySetObject.table, l.PySetObject.mask, l.setentry.key, l.setentry.hash});
    case TraverseRule::kLruCache:
      return known({l.lru_cache_object.root, l.lru_list_elem.next, l.lru_list_elem.key});
    case TraverseRule::kElement:
      return known({l.ElementObject.text, l.ElementObject.extra, l.ElementObjectExtra.children});
    case TraverseRule::kTeeData:
      return known({l.teedataobject.numread, l.teedataobject.values, l.teedataobject.size});
    case TraverseRule::kSimpleQueue:
      return l.simplequeueobject.items == kAbsent || known({l.simplequeueobject.get_idx});
    case TraverseRule::kHamtBitmap:
      return known({l.PyHamtNode_Bitmap.b_array});
    case TraverseRule::kHamtArray:
      return known({l.PyHamtNode_Array.a_array});
    case TraverseRule::kHamtCollision:
      return known({l.PyHamtNode_Collision.c_array});
    case TraverseRule::kPickler:
      return known({l.PicklerObject.memo, l.PyMemoTable.mt_table, l.PyMemoEntry.size});
    case TraverseRule::kUnpickler:
      return known({l.UnpicklerObject.memo, l.UnpicklerObject.memo_size});
    case TraverseRule::kXmlParser:
      return known({l.xmlparseobject.handlers});
    case TraverseRule::kStringWriter:
      return known({l.stringio.writer, l.PyUnicodeWriter.buffer});
    case TraverseRule::kElementIterator:
      return known({l.ElementIterObject.parent_stack});
    case TraverseRule::kRegexTemplate:
      return known({l.TemplateObject.items});
    case TraverseRule::kCTypesType:
      return known({l.StgDictObject.proto}) || known({l.StgInfo.proto});
    case TraverseRule::kDecimalState:
      return known({l.decimal_state.signal_map, l.DecCondMap.ex, l.DecCondMap.size});
    case TraverseRule::kZoneInfoState:
      return known({l.zoneinfo_state.strong_cache, l.StrongCacheNode.next});
    case TraverseRule::kAtexit:
      return known({l.atexitmodule_state.atexit_callbacks, l.atexit_callback.func});
    default:
      return true;  // structs without which nothing of this version is read at all
  }
}

void TypeTable::add_slots(Address type, std::vector<ObjectField>& out) const {
  // The PyMemberDefs of __slots__ lie behind the type object, whose size its metatype tells; ob_size counts
  // them.
  constexpr std::int64_t kMostSlots = 100'000;
  const PyLayout& l = objects_.layout();
  const std::int64_t count = objects_.ob_size(type);
  const auto meta_size = objects_.load<std::int64_t>(objects_.type_of(type), l.PyTypeObject.tp_basicsize);
  if (count <= 0 || count > kMostSlots || !meta_size || *meta_size <= 0 || *meta_size > 1 << 20) return;
  constexpr std::int32_t kObjectEx = 16;  // T_OBJECT_EX, Include/structmember.h
  for (std::int64_t i = 0; i < count; ++i) {
    const Address member =
        type + static_cast<std::uint64_t>(*meta_size + i * std::int64_t{l.PyMemberDef.size});
    const auto kind = objects_.load<std::int32_t>(member, l.PyMemberDef.type);
    const auto offset = objects_.load<std::int64_t>(member, l.PyMemberDef.offset);
    if (kind != kObjectEx || !offset || *offset < l.PyObject.size || *offset > 1 << 30) continue;
    if (std::ssize(out) >= kMostSlots)
      return health_.skip(Skip::kTooMany, type);  // of all its bases together
    constexpr std::int32_t kAfterItems = 0x10;  // 3.15: slots of a variable-size object lie behind its items
    const auto flags = objects_.load<std::int32_t>(member, l.PyMemberDef.flags).value_or(0);
    out.push_back({static_cast<std::int32_t>(*offset), EdgeKind::kSlot, EdgeClass::kVisited,
                   value(objects_.pointer(member, l.PyMemberDef.name)), (flags & kAfterItems) != 0});
  }
}

const CTypeRow* TypeTable::row_for(Address type, Address tp_traverse) const {
  const PyLayout& l = objects_.layout();
  for (std::uint64_t steps = 0; !is_null(type) && steps < limits_.base_chain; ++steps) {
    const auto rows = rows_->by_type.find(name_of(type, objects_.type_flags(type)));
    if (rows != rows_->by_type.end()) {
      for (const CTypeRow* row : rows->second)
        if (row->visits.empty() || sources_.size(row->structure)) return row;
    }
    type = objects_.pointer(type, l.PyTypeObject.tp_base);
    if (objects_.pointer(type, l.PyTypeObject.tp_traverse) != tp_traverse) return nullptr;
  }
  return nullptr;
}

// subtype_traverse walks the bases up to the first with a traverse of its own, visiting the slots of each
// (CPython Objects/typeobject.c), then the dict, then the type, then lets that base do the rest. Returns that
// base.
Address TypeTable::plan_subtype_traverse(TypeInfo& info) {
  const PyLayout& l = objects_.layout();
  const VersionTraits& rules = objects_.python().rules;
  Address base = info.address;
  std::uint64_t steps = 0;
  while (!is_null(base) && objects_.pointer(base, l.PyTypeObject.tp_traverse) == subtype_traverse_ &&
         steps++ < limits_.base_chain) {
    add_slots(base, info.fields);
    base = objects_.pointer(base, l.PyTypeObject.tp_base);
  }
  const Address base_traverse = objects_.pointer(base, l.PyTypeObject.tp_traverse);
  const auto base_dictoffset = objects_.load<std::int64_t>(base, l.PyTypeObject.tp_dictoffset).value_or(0);
  if (info.flags & kTpManagedDict && rules.values != Values::kDictPointer) {
    info.dict = InstanceDict::kManaged;
  } else if (info.dictoffset != base_dictoffset && info.dictoffset != 0) {
    info.dict = InstanceDict::kAtOffset;
  }
  const bool base_is_heap = objects_.type_flags(base) & kTpHeapType;
  if (info.flags & kTpHeapType && (rules.type_edge_always || is_null(base_traverse) || !base_is_heap))
    info.fields.push_back({l.PyObject.ob_type, EdgeKind::kType, EdgeClass::kVisited, 0});
  return base;
}

// Fields that a row gives by offset, behind a head of two words: those that the type of this process has,
// where they are behind the head that its objects have.
void TypeTable::place_offsets(Address base, std::vector<ObjectField>& fields) const {
  const PyLayout& l = objects_.layout();
  constexpr std::int32_t kPlainHead = 16;
  const auto basicsize = objects_.load<std::int64_t>(base, l.PyTypeObject.tp_basicsize).value_or(0);
  for (ObjectField& field : fields)
    if (field.kind == EdgeKind::kField && field.offset >= kPlainHead)
      field.offset += l.PyObject.size - kPlainHead;
  std::erase_if(fields, [&](const ObjectField& field) {
    return field.kind == EdgeKind::kField && field.offset + 8 > basicsize;
  });
}

// The struct of types.SimpleNamespace calls it ns_dict, that of an OrderedDict od_inst_dict: the field at
// tp_dictoffset is the object's __dict__, whatever its name is.
void TypeTable::mark_own_dict(Address base, std::vector<ObjectField>& fields) const {
  const auto offset =
      objects_.load<std::int64_t>(base, objects_.layout().PyTypeObject.tp_dictoffset).value_or(0);
  if (offset <= 0) return;
  for (ObjectField& field : fields)
    if (field.kind == EdgeKind::kField && !field.after_items && field.offset == offset)
      field.kind = EdgeKind::kDict;
}

// `visits`: the type's tp_traverse is called. Otherwise what its objects hold is owned.
void TypeTable::plan_by_row(TypeInfo& info, const CTypeRow& row, Address base, bool visits) {
  const PyLayout& l = objects_.layout();
  const EdgeClass cls = visits ? EdgeClass::kVisited : EdgeClass::kOwned;
  bool known = !has_another_size(base, row);
  if (known) {
    known = parse_fields(row.structure, row.visits, EdgeKind::kField, cls, info.fields) && can_read(row.body);
    parse_fields(row.structure, row.owns, EdgeKind::kField, EdgeClass::kOwned, info.fields);
    if (row.structure.empty()) place_offsets(base, info.fields);
    mark_own_dict(base, info.fields);
    if (can_read(row.body)) info.body = row.body;
  }
  if (visits && row.visits_type_since && is_in_range(objects_.python().hexversion, row.visits_type_since))
    info.fields.push_back({l.PyObject.ob_type, EdgeKind::kType, EdgeClass::kVisited, 0});
  info.buffer = row.buffer;
  if (visits && !known) info.resolution = Resolution::kUnknown;
  if (row.structure == "PyWeakReference" && l.PyWeakReference.wr_object != kAbsent)
    info.fields.push_back(
        {l.PyWeakReference.wr_object, EdgeKind::kField, EdgeClass::kWeak, field_name("wr_object")});
}

void TypeTable::plan_references(TypeInfo& info) {
  const PyLayout& l = objects_.layout();
  const VersionTraits& rules = objects_.python().rules;
  Address base = info.address;
  if (!is_null(subtype_traverse_) && info.tp_traverse == subtype_traverse_) {
    base = plan_subtype_traverse(info);
  } else if (info.flags & kTpHeapType && !(info.flags & kTpHaveGc)) {
    // A class without collector support still owns its type; nothing visits it.
    info.fields.push_back({l.PyObject.ob_type, EdgeKind::kType, EdgeClass::kOwned, 0});
  }

  const Address traverse = objects_.pointer(base, l.PyTypeObject.tp_traverse);
  const bool visits = info.has_gc && !is_null(traverse);
  // C types with a managed dict (typing.TypeVar; asyncio.Future from 3.13 on) visit it themselves.
  if (visits && rules.values != Values::kDictPointer && objects_.type_flags(base) & kTpManagedDict)
    info.dict = InstanceDict::kManaged;
  if (const CTypeRow* row = is_null(base) ? nullptr : row_for(base, traverse)) {
    plan_by_row(info, *row, base, visits);
  } else if (visits && !is_null(structseq_traverse_) && traverse == structseq_traverse_) {
    info.body = TraverseRule::kStructSequence;
  } else if (visits) {
    info.resolution = Resolution::kUnknown;
  }
  if (info.body == TraverseRule::kStructSequence && base == info.address && info.flags & kTpHeapType &&
      !rules.type_edge_always)
    info.fields.push_back({l.PyObject.ob_type, EdgeKind::kType, EdgeClass::kVisited, 0});
  plan_words(info, base);
  info.is_greenlet = info.has_gc && is_greenlet(info.address);
  info.has_references = !info.fields.empty() || info.dict != InstanceDict::kNone ||
                        info.body != TraverseRule::kNone || info.resolution == Resolution::kUnknown;
}

bool TypeTable::is_greenlet(Address type) const {
  const PyLayout& l = objects_.layout();
  constexpr std::int64_t kWithStateApart = 40;  // of 2.0 and later
  for (std::uint64_t i = 0; i < limits_.base_chain && !is_null(type); ++i) {
    const auto size = objects_.load<std::int64_t>(type, l.PyTypeObject.tp_basicsize).value_or(0);
    if (size < kWithStateApart) return false;
    if (size == kWithStateApart && name_of(type, objects_.type_flags(type)) == "greenlet.greenlet")
      return true;
    type = objects_.pointer(type, l.PyTypeObject.tp_base);
  }
  return false;
}

// `base` is the nearest type whose struct is not that of a Python class.
void TypeTable::plan_words(TypeInfo& info, Address base) {
  const PyLayout& l = objects_.layout();
  constexpr std::int64_t kMost = 4096;  // larger structs are buffers
  if (is_null(base)) return;
  const bool visits = info.has_gc && !is_null(objects_.pointer(base, l.PyTypeObject.tp_traverse));
  if (visits && info.resolution != Resolution::kUnknown) return;
  const auto size_of = [&](Address type) {
    return objects_.load<std::int64_t>(type, l.PyTypeObject.tp_basicsize).value_or(0);
  };
  const std::int64_t end = size_of(base);
  if (end <= l.PyObject.size || end > std::min(info.basicsize, kMost)) return;
  // A class without fields of its own has its base's struct.
  for (std::uint64_t steps = 0; steps < limits_.base_chain; ++steps) {
    const Address above = objects_.pointer(base, l.PyTypeObject.tp_base);
    if (is_null(above) || size_of(above) != end) break;
    base = above;
  }
  const std::string name = name_of(base, objects_.type_flags(base));
  if (name.empty() || is_of_standard_library(name)) return;
  info.words_end = end;
}

void TypeTable::plan_size(TypeInfo& info) {
  // The first class of the MRO whose dict has __sizeof__ answers, as the interpreter's own look-up would.
  const PyLayout& l = objects_.layout();
  const Address mro = objects_.pointer(info.address, l.PyTypeObject.tp_mro);
  const std::int64_t count = is_null(mro) ? 0 : objects_.ob_size(mro);
  for (std::int64_t i = 0; i < count && i < static_cast<std::int64_t>(limits_.base_chain); ++i) {
    const Address cls = objects_.pointer(mro, l.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i));
    const Address method = objects_.item(type_dict(cls), "__sizeof__");
    if (is_null(method)) continue;
    const auto rule = rows_->size_by_owner.find(name_of(cls, objects_.type_flags(cls)));
    if (rule != rows_->size_by_owner.end()) {
      info.size_rule = rule->second;
    } else {
      info.size_unsure = true;
      const Address kind = objects_.type_of(method);
      info.size_by_c = name_of(kind, objects_.type_flags(kind)) == "builtins.method_descriptor";
    }
    return;
  }
}

const TypeTable::ModuleState* TypeTable::module_state(Address module) {
  const auto& l = objects_.layout().PyModuleObject;
  const auto name = objects_.str(objects_.pointer(module, l.md_name), 200);
  const ModuleState* state = name ? described_state(*name) : nullptr;
  if (!state || !state->size) return state;
  const auto size = l.md_def == kAbsent ? objects_.load<std::int64_t>(module, l.md_state_size)
                                        : objects_.load<std::int64_t>(objects_.pointer(module, l.md_def),
                                                                      objects_.layout().PyModuleDef.m_size);
  return size == static_cast<std::int64_t>(state->size) ? state : nullptr;
}

const TypeTable::ModuleState* TypeTable::described_state(const std::string& md_name) {
  {
    std::lock_guard lock(names_mutex_);
    const auto at = module_states_.find(md_name);
    if (at != module_states_.end()) return at->second.get();
  }
  std::unique_ptr<ModuleState> state;
  const auto at = rows_->by_module.find(md_name);
  if (at != rows_->by_module.end()) {
    const ModuleStateRow& row = *at->second;
    state = std::make_unique<ModuleState>();
    state->body = row.body;
    state->visits_type = row.visits_type;
    if (!row.structure.empty()) state->size = sources_.size(row.structure).value_or(0);
    if (!parse_fields(row.structure, row.visits, EdgeKind::kState, EdgeClass::kVisited, state->fields) ||
        !can_read(row.body)) {
      state = nullptr;
    }
  }
  std::lock_guard lock(names_mutex_);
  return module_states_.try_emplace(md_name, std::move(state)).first->second.get();
}

bool TypeTable::has_another_size(Address type, const CTypeRow& row) const {
  // Structs of items, and those of which only the first fields are read, are larger or smaller by rights.
  if (row.structure.empty() || row.body == TraverseRule::kStructSequence ||
      row.structure == "PyHeapTypeObject")
    return false;
  if (row.type.starts_with("builtins.")) return false;  // checked against the process when it is found
  const PyLayout& l = objects_.layout();
  const auto size = sources_.size(row.structure);
  return size && objects_.load<std::int64_t>(type, l.PyTypeObject.tp_itemsize) == 0 &&
         objects_.load<std::int64_t>(type, l.PyTypeObject.tp_basicsize) != static_cast<std::int64_t>(*size);
}

}  // namespace heapglass
