#include "lib/python/frame_contents.h"

#include <algorithm>
#include <cstring>

namespace heapglass {
namespace {

constexpr std::int64_t kMostSlots = 1 << 20;  // of one frame
constexpr std::uint32_t kOptimized = 1;       // CO_OPTIMIZED: locals are slots, f_locals at most a copy

std::int32_t offset_of(const LayoutSources& sources, std::string_view names, std::string_view paths) {
  const auto field = sources.field(names, paths);
  return field && field->offset < 1u << 30 ? static_cast<std::int32_t>(field->offset) : kAbsent;
}

}  // namespace

FrameContents::FrameContents(TypeTable& types)
    : types_(types), objects_(types.objects()), layout_(objects_.layout()) {
  const LayoutSources sources(objects_.python().sources);
  co_flags_ = offset_of(sources, "PyCodeObject", "co_flags");
  co_exceptiontable_ = offset_of(sources, "PyCodeObject", "co_exceptiontable");
  f_iblock_ = offset_of(sources, "PyFrameObject|_frame", "f_iblock");
  f_blockstack_ = offset_of(sources, "PyFrameObject|_frame", "f_blockstack");
  b_level_ = offset_of(sources, "PyTryBlock", "b_level");
  try_block_size_ = static_cast<std::int32_t>(sources.size("PyTryBlock").value_or(0));
}

// A _PyStackRef (3.14+): the low bits tell whether it holds a count; from 2 on it is no object.
Address FrameContents::untag(std::uint64_t word) const {
  if (!objects_.python().rules.tagged_stack_refs) return Address{word};
  return Address{(word & 3) >= 2 ? 0 : word & ~std::uint64_t{3}};
}

std::vector<Address> FrameContents::words(Address first, std::uint64_t count) const {
  std::vector<Address> out;
  const std::byte* bytes = count ? objects_.image().at(first, count * 8) : nullptr;
  if (!bytes) return out;
  out.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t word;
    std::memcpy(&word, bytes + i * 8, 8);
    out.push_back(untag(word));
  }
  return out;
}

// What a slot for a cell holds is the cell itself once the frame has begun; an argument that became a cell is
// its own value before.
Address FrameContents::in_cell(Address slot, bool always) const {
  const TypeInfo* type = is_null(slot) ? nullptr : types_.get(objects_.type_of(slot));
  if (!type) return {};
  if (type->name == "builtins.cell") return objects_.pointer(slot, layout_.PyCellObject.ob_ref);
  return always ? Address{} : slot;
}

void FrameContents::named_slots(Address names, std::int64_t count, Address first, bool cells,
                                std::vector<PyLocal>& out) const {
  const std::int64_t n = is_null(names) ? 0 : std::min(count, objects_.ob_size(names));
  if (n <= 0 || n > kMostSlots) return;
  const std::vector<Address> slots = words(first, static_cast<std::uint64_t>(n));
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Address value = cells ? in_cell(slots[i], true) : slots[i];
    if (is_null(value)) continue;
    const Address name =
        objects_.pointer(names, layout_.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i));
    out.push_back({objects_.str(name).value_or("?"), value});
  }
}

void FrameContents::new_locals(const PyFrame& frame, std::vector<PyLocal>& out) const {
  const auto& c = layout_.PyCodeObject;
  const std::int64_t n = objects_.load<std::int32_t>(frame.code, c.co_nlocalsplus).value_or(0);
  named_slots(objects_.pointer(frame.code, c.co_localsplusnames), n,
              frame.frame + static_cast<std::uint64_t>(layout_.PyInterpreterFrame.localsplus), false, out);
  // CO_FAST_CELL and CO_FAST_FREE: pycore_code.h.
  constexpr unsigned kCell = 0x40, kFree = 0x80;
  const Address kinds = objects_.pointer(frame.code, c.co_localspluskinds);
  const std::byte* kind =
      n > 0 && n <= kMostSlots && objects_.ob_size(kinds) >= n
          ? objects_.image().at(kinds + static_cast<std::uint64_t>(layout_.PyBytesObject.ob_sval),
                                static_cast<std::uint64_t>(n))
          : nullptr;
  if (!kind) return;
  // The locals that are bound are fewer than the slots: by name, which no two slots share.
  const Address names = objects_.pointer(frame.code, c.co_localsplusnames);
  for (std::int64_t i = 0; i < n; ++i) {
    if (!(std::to_integer<unsigned>(kind[i]) & (kCell | kFree))) continue;
    const auto name = objects_.str(
        objects_.pointer(names, layout_.PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i)));
    for (PyLocal& local : out)
      if (name && local.name == *name)
        local.value = in_cell(local.value, std::to_integer<unsigned>(kind[i]) & kFree);
  }
  std::erase_if(out, [](const PyLocal& l) { return is_null(l.value); });
}

Address FrameContents::globals(const PyFrame& frame) const {
  return objects_.pointer(frame.frame,
                          old() ? layout_.PyFrameObject.f_globals : layout_.PyInterpreterFrame.f_globals);
}

std::vector<PyLocal> FrameContents::locals(const PyFrame& frame) const {
  std::vector<PyLocal> out;
  if (is_null(frame.frame)) return out;
  const Address f_locals = objects_.pointer(
      frame.frame, old() ? layout_.PyFrameObject.f_locals : layout_.PyInterpreterFrame.f_locals);
  const std::uint32_t flags = objects_.load<std::uint32_t>(frame.code, co_flags_).value_or(kOptimized);
  if (!(flags & kOptimized)) {
    if (is_null(f_locals) || f_locals == globals(frame)) return out;
    objects_.each_item(f_locals, [&](Address key, Address value) {
      if (const auto name = objects_.str(key); name && out.size() < kMostSlots) out.push_back({*name, value});
    });
    return out;
  }
  if (!old()) {
    new_locals(frame, out);
    return out;
  }
  const auto& c = layout_.PyCodeObject;
  const Address first = frame.frame + static_cast<std::uint64_t>(layout_.PyFrameObject.f_localsplus);
  const std::int64_t locals = objects_.load<std::int32_t>(frame.code, c.co_nlocals).value_or(0);
  if (locals < 0 || locals > kMostSlots) return out;
  named_slots(objects_.pointer(frame.code, c.co_varnames), locals, first, false, out);
  std::uint64_t at = static_cast<std::uint64_t>(locals);
  for (const std::int32_t group : {c.co_cellvars, c.co_freevars}) {
    const Address names = objects_.pointer(frame.code, group);
    const std::int64_t n = is_null(names) ? 0 : objects_.ob_size(names);
    if (n < 0 || n > kMostSlots) return out;
    named_slots(names, n, first + at * 8, true, out);
    at += static_cast<std::uint64_t>(n);
  }
  return out;
}

Address FrameContents::local(const PyFrame& frame, std::string_view name) const {
  for (const PyLocal& local : locals(frame))
    if (local.name == name) return local.value;
  return {};
}

Address FrameContents::stack_base(const PyFrame& frame) const {
  if (old()) return objects_.pointer(frame.frame, layout_.PyFrameObject.f_valuestack);
  const std::int64_t locals =
      objects_.load<std::int32_t>(frame.code, layout_.PyCodeObject.co_nlocalsplus).value_or(0);
  if (locals < 0 || locals > kMostSlots) return {};
  return frame.frame + static_cast<std::uint64_t>(layout_.PyInterpreterFrame.localsplus + 8 * locals);
}

std::uint64_t FrameContents::stack_size(const PyFrame& frame) const {
  const auto n = objects_.load<std::int32_t>(frame.code, layout_.PyCodeObject.co_stacksize).value_or(0);
  return n < 0 || n > kMostSlots ? 0 : static_cast<std::uint64_t>(n);
}

// f_blockstack: the level of each block that SETUP_FINALLY, SETUP_WITH or SETUP_ASYNC_WITH began; the last is
// the highest.
std::uint64_t FrameContents::depth_by_blocks(const PyFrame& frame) const {
  constexpr std::int32_t kMostBlocks = 20;  // CO_MAXBLOCKS
  const auto n = objects_.load<std::int32_t>(frame.frame, f_iblock_).value_or(0);
  if (n <= 0 || n > kMostBlocks || f_blockstack_ == kAbsent || b_level_ == kAbsent) return 0;
  const auto level =
      objects_.load<std::int32_t>(frame.frame, f_blockstack_ + (n - 1) * try_block_size_ + b_level_);
  return level && *level > 0 ? static_cast<std::uint64_t>(*level) : 0;
}

// CPython Objects/exception_handling_notes.txt: entries of start, length, target and depth * 2 + lasti, in
// units of two bytes of code; numbers of six bits a byte, the highest first, bit 6 set where more follow.
std::uint64_t FrameContents::depth_by_table(const PyFrame& frame) const {
  const Address table = objects_.pointer(frame.code, co_exceptiontable_);
  const std::int64_t n = is_null(table) ? 0 : objects_.ob_size(table);
  if (n <= 0 || n > 1 << 24 || frame.offset < 0) return 0;
  const std::byte* bytes = objects_.image().at(
      table + static_cast<std::uint64_t>(layout_.PyBytesObject.ob_sval), static_cast<std::uint64_t>(n));
  if (!bytes) return 0;
  std::int64_t i = 0;
  auto number = [&] {
    std::uint64_t value = 0;
    for (unsigned read = 0; i < n && read < 6; ++read) {
      const unsigned b = std::to_integer<unsigned>(bytes[i++]);
      value = value << 6 | (b & 63);
      if (!(b & 64)) break;
    }
    return value;
  };
  const std::uint64_t at = static_cast<std::uint64_t>(frame.offset) / 2;
  while (i < n) {
    const std::uint64_t start = number(), length = number();
    number();
    const std::uint64_t depth = number() >> 1;
    if (start > at) break;
    if (at < start + length) return depth;
  }
  return 0;
}

std::uint64_t FrameContents::suspended_depth(const PyFrame& frame) const {
  if (old()) {
    const auto& l = layout_.PyFrameObject;
    if (l.f_stackdepth != kAbsent) {
      const auto depth = objects_.load<std::int32_t>(frame.frame, l.f_stackdepth).value_or(-1);
      if (depth > 0) return static_cast<std::uint64_t>(depth);
    } else if (const Address top = objects_.pointer(frame.frame, l.f_stacktop); !is_null(top)) {
      const Address base = stack_base(frame);
      if (value(top) >= value(base)) return (top - base) / 8;
    }
    return 0;
  }
  const auto& l = layout_.PyInterpreterFrame;
  if (l.stacktop != kAbsent) {
    const auto top = objects_.load<std::int32_t>(frame.frame, l.stacktop).value_or(-1);
    const auto locals =
        objects_.load<std::int32_t>(frame.code, layout_.PyCodeObject.co_nlocalsplus).value_or(0);
    if (top >= 0) return top > locals ? static_cast<std::uint64_t>(top - locals) : 0;
  } else if (const Address pointer = objects_.pointer(frame.frame, l.stackpointer); !is_null(pointer)) {
    const Address base = stack_base(frame);
    if (value(pointer) >= value(base)) return (pointer - base) / 8;
  }
  return 0;
}

std::vector<Address> FrameContents::stack(const PyFrame& frame, std::uint64_t depth) const {
  if (is_null(frame.frame) || is_null(stack_base(frame))) return {};
  return words(stack_base(frame), std::min(depth, stack_size(frame)));
}

std::vector<Address> FrameContents::suspended_stack(const PyFrame& frame) const {
  return stack(frame, suspended_depth(frame));
}

std::vector<Address> FrameContents::stack_of_blocks(const PyFrame& frame) const {
  return stack(frame, old() ? depth_by_blocks(frame) : depth_by_table(frame));
}

std::vector<Address> FrameContents::stack_room(const PyFrame& frame) const {
  return stack(frame, stack_size(frame));
}

bool FrameContents::awaits(Address generator, const PyFrame& frame) const {
  if (frame.offset < 0) return false;
  const VersionTraits& rules = objects_.python().rules;
  auto byte = [&](Address at) { return objects_.load<std::uint8_t>(at, 0).value_or(0); };
  if (old()) {
    constexpr std::uint8_t kYieldFrom = 72;  // YIELD_FROM, Include/opcode.h of 3.7 to 3.10
    const Address code = objects_.pointer(frame.code, layout_.PyCodeObject.co_code);
    if (is_null(code) || frame.offset + 2 >= objects_.ob_size(code)) return false;
    return byte(code + static_cast<std::uint64_t>(layout_.PyBytesObject.ob_sval + frame.offset + 2)) ==
           kYieldFrom;
  }
  // FRAME_SUSPENDED_YIELD_FROM, pycore_frame.h.
  if (rules.gen_yield_from_state) {
    return objects_.load<std::int8_t>(generator, layout_.PyGenObject.gi_frame_state) ==
           rules.gen_yield_from_state;
  }
  // 3.11 and 3.12: RESUME comes next, and tells in its argument what it resumes: 1 a yield, 2 a yield from, 3
  // an await.
  const Address next =
      frame.code + static_cast<std::uint64_t>(layout_.PyCodeObject.co_code_adaptive + frame.offset + 3);
  return (byte(next) & 3) >= 2;
}

}  // namespace heapglass
