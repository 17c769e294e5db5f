#include "lib/python/pymalloc.h"

#include <algorithm>
#include <map>

#include "lib/python/static_words.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kMostArenas = 1 << 22;

struct Pool {
  std::uint64_t used = 0, blocks = 0, block_size = 0, next_offset = 0;
  std::uint32_t arena = 0;
  Address free_block{};
};

std::uint64_t pool_size_of(const VersionTraits& rules) { return rules.large_pools ? 16 << 10 : 4 << 10; }
std::uint64_t arena_size_of(const VersionTraits& rules) { return rules.large_pools ? 1 << 20 : 256 << 10; }

// nullopt where the header cannot be that of a pool with blocks in use.
std::optional<Pool> read_pool(const Objects& o, Address at) {
  const auto& l = o.layout().pool_header;
  const std::uint64_t size = pool_size_of(o.python().rules), header = static_cast<std::uint64_t>(l.size);
  const auto ref = o.load<std::uint32_t>(at, l.ref), index = o.load<std::uint32_t>(at, l.szidx),
             next = o.load<std::uint32_t>(at, l.nextoffset),
             last = o.load<std::uint32_t>(at, l.maxnextoffset),
             arena = o.load<std::uint32_t>(at, l.arenaindex);
  if (!ref || !index || !next || !last || !arena || *last >= size) return std::nullopt;
  Pool pool{.used = *ref, .block_size = size - *last, .next_offset = *next, .arena = *arena};
  // Steps of 16 bytes; of 8 before 3.7.4.
  const std::uint64_t step = pool.block_size / (std::uint64_t{*index} + 1);
  if ((step != 16 && step != 8) || step * (std::uint64_t{*index} + 1) != pool.block_size) return std::nullopt;
  pool.blocks = (size - header) / pool.block_size;
  pool.free_block = o.pointer(at, l.freeblock);
  if (pool.used == 0 || pool.used > pool.blocks || pool.next_offset < header) return std::nullopt;
  return pool;
}

struct ArenaTable {
  Address arenas{};
  std::uint64_t length = 0;  // slots
};

class TableSearch {
 public:
  TableSearch(const Objects& o, const std::vector<Address>& small_objects) : o_(o) {
    const std::uint64_t size = pool_size_of(o.python().rules);
    for (const Address object : small_objects) {
      const Address pool{value(object) / size * size};
      if (const auto header = read_pool(o, pool); header && header->arena < kMostArenas)
        pools_.emplace_back(pool, header->arena);
    }
  }

  // A word of the interpreter's own variables from which every pool is found in the arena that it names.
  std::optional<ArenaTable> find() const {
    if (pools_.empty()) return std::nullopt;
    std::optional<ArenaTable> found;
    any_static_word(o_, [&](Address, std::uint64_t word) {
      const Address table{word};
      if (word % 8 || !leads_to(table, pools_.front()) || !leads_to_most(table)) return false;
      found = ArenaTable{table, length_of(table)};
      return true;
    });
    return found;
  }

 private:
  using InArena = std::pair<Address, std::uint32_t>;

  bool leads_to(Address table, const InArena& pool) const {
    const auto& l = o_.layout().arena_object;
    const Address slot = table + pool.second * static_cast<std::uint64_t>(l.size);
    const Address start = o_.pointer(slot, l.address);
    return !is_null(start) && start <= pool.first && pool.first - start < arena_size_of(o_.python().rules) &&
           plausible(slot);
  }
  bool leads_to_most(Address table) const {
    std::size_t led = 0;
    for (const InArena& pool : pools_) led += leads_to(table, pool);
    return led * 10 >= pools_.size() * 9;
  }
  bool plausible(Address slot) const {
    const auto& l = o_.layout().arena_object;
    const auto total = o_.load<std::uint32_t>(slot, l.ntotalpools),
               free = o_.load<std::uint32_t>(slot, l.nfreepools);
    const std::uint64_t most = arena_size_of(o_.python().rules) / pool_size_of(o_.python().rules);
    const Address start = o_.pointer(slot, l.address), pool = o_.pointer(slot, l.pool_address);
    return total && free && *total + 1 >= most && *total <= most && *free <= *total && start <= pool &&
           pool - start <= arena_size_of(o_.python().rules) && o_.image().at(start, 8);
  }
  // Up to the first slot that is neither an arena nor unused: the table begins with 16 slots, and doubles.
  std::uint64_t length_of(Address table) const {
    const auto& l = o_.layout().arena_object;
    std::uint64_t n = 0;
    for (; n < kMostArenas; ++n) {
      const Address slot = table + n * static_cast<std::uint64_t>(l.size);
      const auto start = o_.load<std::uint64_t>(slot, l.address);
      if (!start || (*start && !plausible(slot))) break;
    }
    std::uint64_t slots = 16;
    while (slots * 2 <= n) slots *= 2;
    return n < 16 ? n : slots;
  }

  const Objects& o_;
  std::vector<InArena> pools_;
};

std::vector<ArenaTable> find_tables(const Objects& o, const std::vector<PyInterpreter>& interpreters,
                                    const std::vector<Address>& small_objects, std::string& how) {
  const PyLayout& l = o.layout();
  std::vector<ArenaTable> tables;
  auto add = [&](Address arenas, std::uint64_t length) {
    const bool known =
        std::any_of(tables.begin(), tables.end(), [&](const ArenaTable& t) { return t.arenas == arenas; });
    if (!is_null(arenas) && length <= kMostArenas && !known) tables.push_back({arenas, length});
  };
  if (l.PyInterpreterState.obmalloc != kAbsent) {
    how = "the interpreters' own state";
    for (const PyInterpreter& i : interpreters) {
      const Address state = o.python().rules.obmalloc_by_pointer
                                ? o.pointer(i.state, l.PyInterpreterState.obmalloc)
                                : at(i.state, l.PyInterpreterState.obmalloc);
      add(o.pointer(state, l.obmalloc_state.arenas),
          o.load<std::uint32_t>(state, l.obmalloc_state.maxarenas).value_or(0));
    }
    return tables;
  }
  const SymbolSource& symbols = o.python().binary->symbols();
  const auto arenas = symbols.find("arenas"), length = symbols.find("maxarenas");
  if (arenas && length) {
    how = "the symbol arenas";
    add(o.pointer(arenas->address, 0), o.load<std::uint32_t>(length->address, 0).value_or(0));
    return tables;
  }
  if (const auto found = TableSearch(o, small_objects).find()) {
    how = "a search for the table of arenas";
    tables.push_back(*found);
  }
  return tables;
}

void count_pools(const Objects& o, Pymalloc& out) {
  const std::uint64_t header = static_cast<std::uint64_t>(o.layout().pool_header.size);
  std::map<std::uint64_t, PymallocFigures::OfSize> sizes;
  for (const Pymalloc::Arena& arena : out.arenas) {
    for (Address at = arena.first_pool; at < arena.pool_address; at = at + out.pool_size) {
      if (o.load<std::uint32_t>(at, o.layout().pool_header.ref).value_or(0) == 0) continue;
      const auto pool = read_pool(o, at);
      if (!pool || pool->arena != arena.index) {
        ++out.contradictions;
        continue;
      }
      auto& size = sizes[pool->block_size];
      size.size = pool->block_size;
      ++size.pools;
      size.used += pool->used;
      size.available += pool->blocks - pool->used;
      out.figures.pool_headers += header;
      out.figures.quantization += out.pool_size - header - pool->blocks * pool->block_size;
    }
  }
  for (const auto& [bytes, size] : sizes) {
    out.figures.used += size.used * bytes;
    out.figures.available += size.available * bytes;
    out.figures.sizes.push_back(size);
  }
}

}  // namespace

Pymalloc read_pymalloc(const Objects& o, const std::vector<PyInterpreter>& interpreters,
                       const std::vector<Address>& small_objects) {
  Pymalloc out;
  const auto& l = o.layout().arena_object;
  const std::uint64_t arena_size = arena_size_of(o.python().rules);
  out.pool_size = pool_size_of(o.python().rules);
  if (l.size <= 0 || o.layout().pool_header.size <= 0) return out;
  for (const ArenaTable& table : find_tables(o, interpreters, small_objects, out.how_found)) {
    for (std::uint64_t i = 0; i < table.length; ++i) {
      const Address slot = table.arenas + i * static_cast<std::uint64_t>(l.size);
      const Address start = o.pointer(slot, l.address);
      if (is_null(start)) continue;
      Pymalloc::Arena arena{
          .start = start,
          .first_pool = Address{(value(start) + out.pool_size - 1) / out.pool_size * out.pool_size},
          .pool_address = o.pointer(slot, l.pool_address),
          .size = arena_size,
          .index = static_cast<std::uint32_t>(i)};
      const std::uint64_t free = o.load<std::uint32_t>(slot, l.nfreepools).value_or(0);
      const bool inside = arena.first_pool <= arena.pool_address && arena.pool_address <= start + arena_size;
      if (!inside || value(start) >> 47 || free > arena_size / out.pool_size ||
          !o.image().at(start, arena_size)) {
        ++out.contradictions;
        continue;
      }
      out.figures.unused_pools += free * out.pool_size;
      if (arena.first_pool != start) out.figures.alignment += out.pool_size;
      out.arenas.push_back(arena);
    }
  }
  std::sort(out.arenas.begin(), out.arenas.end(),
            [](const Pymalloc::Arena& a, const Pymalloc::Arena& b) { return a.start < b.start; });
  // Arenas do not overlap; what says so is damaged.
  const auto overlap = [&](const Pymalloc::Arena& a, const Pymalloc::Arena& b) {
    return b.start < a.start + arena_size;
  };
  const std::size_t before = out.arenas.size();
  out.arenas.erase(std::unique(out.arenas.begin(), out.arenas.end(), overlap), out.arenas.end());
  out.contradictions += before - out.arenas.size();
  out.figures.arenas = out.arenas.size();
  count_pools(o, out);
  return out;
}

namespace {

// A pool as its header and its list of free blocks tell it.
struct PoolBlocks {
  Address first{};
  std::uint64_t size = 0, count = 0;  // of a block, in bytes; blocks
  std::uint64_t free = 0;             // of them, on the list or never handed out
  const std::vector<bool>& is_free;   // by block
  PymallocPart others{};              // what a block is that is not free
};

// Calls part(start, size, what) and blocks(PoolBlocks) in order of address.
template <class Part, class Blocks>
void each_pool(const Objects& o, const Pymalloc& pymalloc, const Pymalloc::Arena& arena, Part part,
               Blocks blocks) {
  const std::uint64_t header = static_cast<std::uint64_t>(o.layout().pool_header.size);
  if (arena.first_pool != arena.start)
    part(arena.start, arena.first_pool - arena.start, PymallocPart::kOverhead);
  std::vector<bool> free;
  Address at = arena.first_pool;
  for (; at < arena.pool_address && at + pymalloc.pool_size <= arena.start + arena.size;
       at = at + pymalloc.pool_size) {
    if (o.load<std::uint32_t>(at, o.layout().pool_header.ref).value_or(0) == 0) {
      part(at, pymalloc.pool_size, PymallocPart::kFreePool);
      continue;
    }
    const auto pool = read_pool(o, at);
    if (!pool || pool->arena != arena.index) {
      part(at, pymalloc.pool_size, PymallocPart::kUncertain);
      continue;
    }
    part(at, header, PymallocPart::kOverhead);
    const std::uint64_t size = pool->block_size;
    const std::uint64_t carved = std::min((pool->next_offset - header) / size, pool->blocks);
    free.assign(pool->blocks, false);
    for (std::uint64_t i = carved; i < pool->blocks; ++i) free[i] = true;
    std::uint64_t on_list = 0;
    for (Address block = pool->free_block; !is_null(block) && on_list <= pool->blocks; ++on_list) {
      const std::uint64_t offset = block - at - header;
      if (block < at + header || offset % size || offset / size >= carved || free[offset / size]) break;
      free[offset / size] = true;
      block = o.pointer(block, 0);
    }
    const bool fits = on_list + pool->used == carved;
    blocks({at + header, size, pool->blocks, pool->blocks - carved + on_list, free,
            fits ? PymallocPart::kUsed : PymallocPart::kUncertain});
    const std::uint64_t rest = pymalloc.pool_size - header - pool->blocks * size;
    if (rest) part(at + header + pool->blocks * size, rest, PymallocPart::kOverhead);
  }
  const Address end = arena.start + arena.size;
  if (at < end) part(at, end - at, PymallocPart::kFreePool);
}

}  // namespace

void each_part(const Objects& o, const Pymalloc& pymalloc, const Pymalloc::Arena& arena,
               const VisitParts& visit) {
  each_pool(
      o, pymalloc, arena,
      [&](Address start, std::uint64_t size, PymallocPart part) { visit(start, size, 1, part); },
      [&](const PoolBlocks& pool) {
        for (std::uint64_t i = 0, end; i < pool.count; i = end) {
          for (end = i + 1; end < pool.count && pool.is_free[end] == pool.is_free[i];) ++end;
          visit(pool.first + i * pool.size, pool.size, end - i,
                pool.is_free[i] ? PymallocPart::kFree : pool.others);
        }
      });
}

ArenaSums sums_of(const Objects& o, const Pymalloc& pymalloc, const Pymalloc::Arena& arena) {
  ArenaSums sums;
  const auto add = [&](std::uint64_t bytes, PymallocPart part) {
    if (part == PymallocPart::kUsed) sums.used += bytes;
    if (part == PymallocPart::kFree || part == PymallocPart::kFreePool) sums.free += bytes;
    if (part == PymallocPart::kOverhead) sums.overhead += bytes;
  };
  each_pool(
      o, pymalloc, arena, [&](Address, std::uint64_t bytes, PymallocPart part) { add(bytes, part); },
      [&](const PoolBlocks& pool) {
        add(pool.free * pool.size, PymallocPart::kFree);
        add((pool.count - pool.free) * pool.size, pool.others);
      });
  return sums;
}

}  // namespace heapglass
