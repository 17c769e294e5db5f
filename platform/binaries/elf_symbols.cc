#include "platform/binaries/elf_symbols.h"

#include <algorithm>
#include <tuple>

namespace heapglass {

std::string_view without_lto_suffix(std::string_view name) {
  // GCC numbers the locals that it moves between its partitions; clang's ThinLTO appends a hash of the
  // module.
  for (const std::string_view suffix : {".lto_priv.", ".llvm."}) {
    const std::size_t at = name.rfind(suffix);
    if (at == std::string_view::npos || at == 0) continue;
    const std::string_view number = name.substr(at + suffix.size());
    if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos) continue;
    return name.substr(0, at);
  }
  return name;
}

ElfSymbols::ElfSymbols(std::shared_ptr<const ElfFile> file, std::uint64_t load_bias,
                       FindDebugFile find_debug_file)
    : file_(std::move(file)), load_bias_(load_bias), find_debug_file_(std::move(find_debug_file)) {
  tables_.reserve(kSteps);
}

void ElfSymbols::add(Names& names, std::string_view name, const Entry& entry) {
  const auto [at, added] = names.try_emplace(name, entry);
  Entry& known = at->second;
  if (added || known.address == entry.address) return;
  if (known.local && !entry.local) {
    known = entry;
  } else if (known.local && entry.local) {
    known.ambiguous = true;
  }  // else: a global against a local, or versions of one global, of which the first is as good as any
}

ElfSymbols::Table ElfSymbols::load(const ElfFile& file, ElfFile::Table which) {
  Table table;
  file.symbols(which, [&](const ElfSymbol& symbol) {
    const Entry entry{symbol.address, symbol.size, symbol.local, false};
    add(table.full, symbol.name, entry);
    if (which == ElfFile::Table::kDynamic) return;  // exported names keep their own
    const std::string_view plain = without_lto_suffix(symbol.name);
    if (plain.size() != symbol.name.size()) add(table.plain, plain, entry);
  });
  return table;
}

const ElfSymbols::Table* ElfSymbols::table(std::size_t step) const {
  while (tables_.size() <= step && tables_.size() < kSteps) {
    switch (tables_.size()) {
      case 0:
        tables_.push_back(load(*file_, ElfFile::Table::kDynamic));
        break;
      case 1:
        tables_.push_back(load(*file_, ElfFile::Table::kFull));
        break;
      default:
        if (find_debug_file_) debug_file_ = find_debug_file_();
        tables_.push_back(debug_file_ ? load(*debug_file_, ElfFile::Table::kFull) : Table{});
    }
  }
  return step < tables_.size() ? &tables_[step] : nullptr;
}

std::optional<Symbol> ElfSymbols::find(std::string_view name) const { return find_in(name, kSteps); }

std::optional<Symbol> ElfSymbols::find_exported(std::string_view name) const { return find_in(name, 1); }

const std::vector<ElfSymbols::Place>& ElfSymbols::places(std::size_t step) const {
  if (places_[step]) return *places_[step];
  std::vector<Place>& out = places_[step].emplace();
  (void)table(step);  // finds the debug file
  const ElfFile* const file = step < 2 ? file_.get() : debug_file_.get();
  if (!file) return out;
  file->symbols(step == 0 ? ElfFile::Table::kDynamic : ElfFile::Table::kFull, [&](const ElfSymbol& symbol) {
    if (symbol.size != 0 && symbol.size <= ~symbol.address)
      out.push_back({symbol.address, symbol.size, symbol.name});
  });
  // The best name of a place comes first.
  const auto underscores = [](std::string_view name) {
    return std::min(name.find_first_not_of('_'), name.size());
  };
  std::sort(out.begin(), out.end(), [&](const Place& a, const Place& b) {
    return std::tuple(a.start, underscores(a.name), a.name) <
           std::tuple(b.start, underscores(b.name), b.name);
  });
  return out;
}

std::optional<CodePlace> ElfSymbols::place_of(Address address) const {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t linked = value(address) - load_bias_;
  for (std::size_t step = 0; step < kSteps; ++step) {
    const std::vector<Place>& in = places(step);
    const auto after = std::upper_bound(in.begin(), in.end(), linked,
                                        [](std::uint64_t a, const Place& p) { return a < p.start; });
    if (after == in.begin()) continue;
    const std::uint64_t start = std::prev(after)->start;
    const auto first = std::lower_bound(in.begin(), after, start,
                                        [](const Place& p, std::uint64_t a) { return p.start < a; });
    // Those that begin there; one that begins before it and reaches over it is none of a compiler's.
    for (auto each = first; each != after; ++each)
      if (linked - each->start < each->size)
        return CodePlace{std::string(without_lto_suffix(each->name)), linked - each->start};
  }
  return std::nullopt;
}

std::optional<Symbol> ElfSymbols::find_in(std::string_view name, std::size_t steps) const {
  const std::scoped_lock lock(mutex_);
  for (std::size_t step = 0; step < steps; ++step) {
    const Table& in = *table(step);
    for (const Names* names : {&in.full, &in.plain}) {
      const auto found = names->find(name);
      if (found == names->end()) continue;
      if (found->second.ambiguous) return std::nullopt;
      return Symbol{Address{found->second.address + load_bias_}, found->second.size};
    }
  }
  return std::nullopt;
}

}  // namespace heapglass
