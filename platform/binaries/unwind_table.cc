#include "platform/binaries/unwind_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "llvm/BinaryFormat/Dwarf.h"
#include "llvm/DebugInfo/DWARF/DWARFDataExtractor.h"
#include "llvm/DebugInfo/DWARF/DWARFDebugFrame.h"
#include "llvm/DebugInfo/DWARF/DWARFExpression.h"
#include "llvm/Support/Casting.h"
#include "llvm/Support/Error.h"

namespace heapglass {
namespace {

namespace dw = llvm::dwarf;

template <class T>
T load_as(const std::byte* from) {
  T out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

constexpr std::uint16_t kX86_64 = 62;  // EM_X86_64; <elf.h> does not bear LLVM's names
constexpr std::uint64_t kMostSectionBytes = 256u << 20, kMostEntryBytes = 1u << 20;
constexpr unsigned kMostInstructions = 100'000;  // of one function: each may make a row
constexpr std::size_t kMostOperations = 256, kMostOnStack = 64;

// A DWARF expression of an unwind table: the frame of a signal handler and the entries of a PLT have them.
// `first` is on its stack when it begins. nullopt where it does what those do not.
class Evaluation {
 public:
  Evaluation(const FrameRegisters& frame, const MemoryReader& memory) : frame_(frame), memory_(memory) {}

  std::optional<std::uint64_t> of(const llvm::DWARFExpression& expression,
                                  std::optional<std::uint64_t> first) {
    if (first) stack_.push_back(*first);
    std::size_t operations = 0;
    for (const llvm::DWARFExpression::Operation& each : expression)
      if (each.isError() || ++operations > kMostOperations || stack_.size() > kMostOnStack || !apply(each))
        return std::nullopt;
    return pop();
  }

 private:
  std::optional<std::uint64_t> pop() {
    if (stack_.empty()) return std::nullopt;
    const std::uint64_t top = stack_.back();
    stack_.pop_back();
    return top;
  }
  bool push(std::optional<std::uint64_t> value) {
    if (value) stack_.push_back(*value);
    return value.has_value();
  }
  bool push_register(unsigned number, std::uint64_t offset) {
    if (!frame_.knows(number)) return false;
    stack_.push_back(frame_.values[number] + offset);
    return true;
  }

  bool apply(const llvm::DWARFExpression::Operation& each) {
    const unsigned code = each.getCode();
    const auto operand = [&](unsigned i) {
      return each.getNumOperands() > i ? each.getRawOperand(i) : std::uint64_t{0};
    };
    if (code >= dw::DW_OP_breg0 && code <= dw::DW_OP_breg31)
      return push_register(code - dw::DW_OP_breg0, operand(0));
    if (code >= dw::DW_OP_lit0 && code <= dw::DW_OP_lit31) return push(code - dw::DW_OP_lit0);
    switch (code) {
      case dw::DW_OP_bregx:
        return operand(0) < FrameRegisters::kCount &&
               push_register(static_cast<unsigned>(operand(0)), operand(1));
      case dw::DW_OP_const1u:
      case dw::DW_OP_const1s:
      case dw::DW_OP_const2u:
      case dw::DW_OP_const2s:
      case dw::DW_OP_const4u:
      case dw::DW_OP_const4s:
      case dw::DW_OP_const8u:
      case dw::DW_OP_const8s:
      case dw::DW_OP_constu:
      case dw::DW_OP_consts:
        return push(operand(0));
      case dw::DW_OP_plus_uconst:
        return change([&](std::uint64_t top) { return top + operand(0); });
      case dw::DW_OP_deref: {
        const auto at = pop();
        return at && push(read_as<std::uint64_t>(memory_, Address{*at}));
      }
      default:
        return combine(code);
    }
  }
  bool change(const auto& how) {
    const auto top = pop();
    return top && push(how(*top));
  }
  bool combine(unsigned code) {
    const auto second = pop(), first = pop();
    if (!second || !first) return false;
    switch (code) {
      case dw::DW_OP_plus:
        return push(*first + *second);
      case dw::DW_OP_minus:
        return push(*first - *second);
      case dw::DW_OP_mul:
        return push(*first * *second);
      case dw::DW_OP_and:
        return push(*first & *second);
      case dw::DW_OP_or:
        return push(*first | *second);
      case dw::DW_OP_shl:
        return push(*second < 64 ? *first << *second : 0);
      case dw::DW_OP_ge:
        return push(static_cast<std::int64_t>(*first) >= static_cast<std::int64_t>(*second) ? 1 : 0);
      default:
        return false;
    }
  }

  const FrameRegisters& frame_;
  const MemoryReader& memory_;
  std::vector<std::uint64_t> stack_;
};

// The rules of one place in a function, applied to one frame.
class Rules {
 public:
  Rules(const dw::UnwindRow& row, const FrameRegisters& frame, const MemoryReader& memory)
      : row_(row), frame_(frame), memory_(memory) {}

  // The canonical frame address: what rsp was before the call. nullopt: it cannot be told.
  std::optional<std::uint64_t> canonical_address() const {
    return value_of(row_.getCFAValue(), 0, std::nullopt);
  }
  // What the register has in the caller; nullopt: not known there.
  std::optional<std::uint64_t> caller_value(unsigned number, std::uint64_t canonical) const {
    const auto rule = row_.getRegisterLocations().getRegisterLocation(number);
    if (!rule) {
      if (number == FrameRegisters::kRsp) return canonical;
      return is_kept(number) && frame_.knows(number) ? std::optional(frame_.values[number]) : std::nullopt;
    }
    return value_of(*rule, number, canonical);
  }
  bool is_undefined(unsigned number) const {
    const auto rule = row_.getRegisterLocations().getRegisterLocation(number);
    return rule && rule->getLocation() == dw::UnwindLocation::Undefined;
  }

 private:
  // rbx, rbp, r12 to r15: what functions give back as they got it.
  static bool is_kept(unsigned number) {
    return number == 3 || number == 6 || (number >= 12 && number <= 15);
  }

  // Whether the register's value is at that address, and not the address itself. LLVM has no accessor for
  // that.
  static bool is_kept_there(const dw::UnwindLocation& rule) {
    switch (rule.getLocation()) {
      case dw::UnwindLocation::CFAPlusOffset:
        return rule == dw::UnwindLocation::createAtCFAPlusOffset(rule.getOffset());
      case dw::UnwindLocation::RegPlusOffset:
        return rule == dw::UnwindLocation::createAtRegisterPlusOffset(rule.getRegister(), rule.getOffset());
      case dw::UnwindLocation::DWARFExpr:
        return rule == dw::UnwindLocation::createAtDWARFExpression(*rule.getDWARFExpressionBytes());
      default:
        return false;
    }
  }
  std::optional<std::uint64_t> value_of(const dw::UnwindLocation& rule, unsigned number,
                                        std::optional<std::uint64_t> canonical) const {
    std::optional<std::uint64_t> value;
    switch (rule.getLocation()) {
      case dw::UnwindLocation::Same:
        return frame_.knows(number) ? std::optional(frame_.values[number]) : std::nullopt;
      case dw::UnwindLocation::CFAPlusOffset:
        if (canonical) value = *canonical + static_cast<std::uint64_t>(std::int64_t{rule.getOffset()});
        break;
      case dw::UnwindLocation::RegPlusOffset:
        if (frame_.knows(rule.getRegister()))
          value =
              frame_.values[rule.getRegister()] + static_cast<std::uint64_t>(std::int64_t{rule.getOffset()});
        break;
      case dw::UnwindLocation::DWARFExpr:
        if (const auto expression = rule.getDWARFExpressionBytes())
          value = Evaluation(frame_, memory_).of(*expression, canonical);
        break;
      case dw::UnwindLocation::Constant:
        return static_cast<std::uint64_t>(std::int64_t{rule.getConstant()});
      case dw::UnwindLocation::Unspecified:
      case dw::UnwindLocation::Undefined:
        return std::nullopt;
    }
    if (!value || !is_kept_there(rule)) return value;
    return read_as<std::uint64_t>(memory_, Address{*value});
  }

  const dw::UnwindRow& row_;
  const FrameRegisters& frame_;
  const MemoryReader& memory_;
};

}  // namespace

// One function's entry with the common entry that it refers to, cut out of the section: of a library of
// hundreds of megabytes that takes no more than of a small one.
struct UnwindTable::Function {
  std::vector<std::byte> bytes;  // which `table` borrows
  std::optional<llvm::DWARFDebugFrame> table;
  const dw::FDE* entry = nullptr;  // of `table`; nullptr: it is damaged
};

// The section .eh_frame_hdr: a table of the functions by address, which linkers have made for twenty years.
struct UnwindTable::Index {
  SectionBytes header, entries;  // .eh_frame_hdr and .eh_frame
  std::uint64_t header_address = 0, entries_address = 0;
  std::uint64_t count = 0;  // of functions

  static constexpr std::uint64_t kTableAt = 12;  // four bytes of encodings, two words

  struct Row {
    std::uint64_t function = 0, entry = 0;  // addresses as linked
  };
  Row row(std::uint64_t i) const {
    const std::byte* const at = header.bytes().data() + kTableAt + 8 * i;
    return {header_address + static_cast<std::uint64_t>(std::int64_t{load_as<std::int32_t>(at)}),
            header_address + static_cast<std::uint64_t>(std::int64_t{load_as<std::int32_t>(at + 4)})};
  }
  // The last function that begins at or before it.
  std::optional<Row> find(std::uint64_t address) const {
    std::uint64_t first = 0, end = count;
    while (first < end) {
      const std::uint64_t middle = first + (end - first) / 2;
      if (row(middle).function <= address)
        first = middle + 1;
      else
        end = middle;
    }
    return first == 0 ? std::nullopt : std::optional(row(first - 1));
  }
  // An entry of .eh_frame with its length; empty where that is not in the section.
  std::span<const std::byte> entry_at(std::uint64_t offset) const {
    const std::span<const std::byte> all = entries.bytes();
    if (offset > all.size() || all.size() - offset < 8) return {};
    const std::uint64_t size = load_as<std::uint32_t>(all.data() + offset);
    if (size < 4 || size > kMostEntryBytes || size > all.size() - offset - 4) return {};
    return all.subspan(offset, size + 4);
  }
};

UnwindTable::UnwindTable(std::shared_ptr<const ElfFile> file, std::uint64_t load_bias)
    : file_(std::move(file)), load_bias_(load_bias) {}

UnwindTable::~UnwindTable() = default;

bool UnwindTable::has_code_at(Address instruction) const {
  const std::uint64_t linked = value(instruction) - load_bias_;
  return std::any_of(file_->segments().begin(), file_->segments().end(), [&](const ElfSegment& segment) {
    return segment.executable && linked >= segment.address && linked - segment.address < segment.memory_size;
  });
}

const UnwindTable::Index& UnwindTable::index() const {
  if (index_) return *index_;
  index_ = std::make_unique<Index>();
  const ElfSection* const header = file_->section(".eh_frame_hdr");
  const ElfSection* const entries = file_->section(".eh_frame");
  if (!header || !entries || header->size < Index::kTableAt || header->size > kMostSectionBytes ||
      entries->size > kMostSectionBytes || file_->machine() != kX86_64)
    return *index_;
  std::string why;
  index_->header = file_->read(*header, why);
  index_->entries = file_->read(*entries, why);
  index_->header_address = header->address;
  index_->entries_address = entries->address;
  // Version 1; pointer by 4 bytes from there, number by 4 bytes, rows by 4 bytes from the header: what
  // linkers write.
  const std::array<std::byte, 4> usual{std::byte{1}, std::byte{0x1b}, std::byte{0x03}, std::byte{0x3b}};
  const std::span<const std::byte> bytes = index_->header.bytes();
  if (bytes.size() < Index::kTableAt || !std::equal(usual.begin(), usual.end(), bytes.begin()))
    return *index_;
  index_->count =
      std::min<std::uint64_t>(load_as<std::uint32_t>(bytes.data() + 8), (bytes.size() - Index::kTableAt) / 8);
  return *index_;
}

const UnwindTable::Function* UnwindTable::function_at(std::uint64_t linked) const {
  const auto row = index().find(linked);
  if (!row || row->entry < index().entries_address) return nullptr;
  auto& known = functions_[row->entry];
  if (!known) known = read_function(row->entry - index().entries_address);
  const dw::FDE* const entry = known->entry;
  const bool holds = entry && linked >= entry->getInitialLocation() &&
                     linked - entry->getInitialLocation() < entry->getAddressRange();
  return holds ? known.get() : nullptr;
}

std::unique_ptr<UnwindTable::Function> UnwindTable::read_function(std::uint64_t offset) const {
  auto out = std::make_unique<Function>();
  const std::span<const std::byte> own = index().entry_at(offset);
  if (own.empty()) return out;
  const std::uint64_t back = load_as<std::uint32_t>(own.data() + 4);
  if (back == 0 || back > offset + 4) return out;
  const std::span<const std::byte> common = index().entry_at(offset + 4 - back);
  if (common.empty()) return out;
  out->bytes.assign(common.begin(), common.end());
  out->bytes.insert(out->bytes.end(), own.begin(), own.end());
  const std::uint32_t moved = static_cast<std::uint32_t>(common.size() + 4);
  std::memcpy(out->bytes.data() + common.size() + 4, &moved, sizeof moved);
  // As if the function's entry lay where it lies: its addresses are relative to that.
  out->table.emplace(llvm::Triple::x86_64, true, index().entries_address + offset - common.size());
  const llvm::DWARFDataExtractor data(
      llvm::StringRef(reinterpret_cast<const char*>(out->bytes.data()), out->bytes.size()), true, 8);
  if (llvm::errorToBool(out->table->parse(data))) return out;
  for (const dw::FrameEntry& each : *out->table)
    if (const auto* const entry = llvm::dyn_cast<dw::FDE>(&each);
        entry && entry->getLinkedCIE() && entry->cfis().size() <= kMostInstructions)
      out->entry = entry;
  return out;
}

std::optional<CallerFrame> UnwindTable::caller_of(const FrameRegisters& frame, bool at_return,
                                                  const MemoryReader& memory) const {
  if (!frame.knows(FrameRegisters::kRip)) return std::nullopt;
  const std::uint64_t linked = value(frame.instruction()) - load_bias_ - (at_return ? 1 : 0);
  const Function* const function = function_at(linked);
  if (!function) return std::nullopt;
  auto rows = dw::UnwindTable::create(function->entry);
  if (!rows) {
    llvm::consumeError(rows.takeError());
    return std::nullopt;
  }
  const dw::UnwindRow* row = nullptr;
  for (const dw::UnwindRow& each : *rows)
    if (each.hasAddress() && each.getAddress() <= linked) row = &each;
  if (!row) return std::nullopt;
  const Rules rules(*row, frame, memory);
  const auto* const common = function->entry->getLinkedCIE();
  const std::uint64_t column = common->getReturnAddressRegister();
  if (column >= FrameRegisters::kCount) return std::nullopt;
  const unsigned return_address = static_cast<unsigned>(column);
  CallerFrame caller;
  if (rules.is_undefined(return_address)) {
    caller.is_outermost = true;
    return caller;
  }
  const auto canonical = rules.canonical_address();
  if (!canonical) return std::nullopt;
  for (unsigned number = 0; number < FrameRegisters::kCount; ++number)
    if (const auto has = rules.caller_value(number, *canonical)) caller.registers.set(number, *has);
  if (return_address != FrameRegisters::kRip && caller.registers.knows(return_address))
    caller.registers.set(FrameRegisters::kRip, caller.registers.values[return_address]);
  if (!caller.registers.knows(FrameRegisters::kRip)) return std::nullopt;
  caller.was_interrupted = common->getAugmentationString().contains('S');
  return caller;
}

}  // namespace heapglass
