// What containers refer to: their items, by where they keep them.
#include <algorithm>

#include "lib/python/references.h"
#include "lib/python/words.h"

namespace heapglass {

void References::pointers(Address array, std::uint64_t count, EdgeKind kind, EdgeSink& sink, Address owner,
                          std::uint64_t first_payload) const {
  if (count == 0) return;
  if (count > std::uint64_t{1} << 44) return health_.skip(Skip::kImplausibleSize, owner);
  const std::byte* items = objects_.image().at(array, count * 8);
  if (!items) return health_.skip(Skip::kUnreadable, owner);
  for (std::uint64_t i = 0; i < count; ++i)
    sink.add(Address{word_at(items, i)}, kind, first_payload + i, EdgeClass::kVisited);
}

void References::dict(Address object, EdgeSink& sink) const {
  const Address keys_at = objects_.pointer(object, layout_.PyDictObject.ma_keys);
  const Address values = objects_.pointer(object, layout_.PyDictObject.ma_values);
  const auto keys = objects_.keys(keys_at);
  if (!keys) return health_.skip(Skip::kImplausibleSize, object);
  if (is_null(values)) {
    const bool general = keys->general || types_.is_general_lookup(
                                              objects_.pointer(keys_at, layout_.PyDictKeysObject.dk_lookup));
    const EdgeClass key_class = general ? EdgeClass::kVisited : EdgeClass::kOwned;
    for (std::uint64_t i = 0; i < keys->nentries; ++i) {
      const Address v = keys->entry_value(i);
      if (is_null(v)) continue;
      const Address k = keys->key(i);
      sink.add(k, EdgeKind::kKey, 0, key_class);
      sink.add(v, EdgeKind::kValue, value(k), EdgeClass::kVisited);
    }
    return;
  }
  EdgeClass cls = EdgeClass::kVisited;
  if (layout_.PyDictValues.embedded != kAbsent && !types_.rules().dict_visits_inline_values) {
    const auto embedded = objects_.load<std::uint8_t>(values, layout_.PyDictValues.embedded);
    if (embedded.value_or(0)) return;  // the instance they are embedded in tells them
  }
  const std::byte* slots = objects_.image().at(values + objects_.values_offset(), keys->nentries * 8);
  if (!slots) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < keys->nentries; ++i)
    sink.add(Address{word_at(slots, i)}, EdgeKind::kValue, value(keys->key(i)), cls);
}

void References::list(Address object, EdgeSink& sink) const {
  const std::int64_t n = objects_.ob_size(object);
  const auto allocated = objects_.load<std::int64_t>(object, layout_.PyListObject.allocated);
  if (n == 0 && allocated == -1)
    return;  // being sorted: list.sort has taken the items away for as long as it runs
  if (n < 0 || !allocated || n > *allocated) return health_.skip(Skip::kImplausibleSize, object);
  pointers(objects_.pointer(object, layout_.PyListObject.ob_item), static_cast<std::uint64_t>(n),
           EdgeKind::kIndex, sink, object);
}

void References::tuple(Address object, std::uint64_t count, EdgeSink& sink) const {
  pointers(at(object, layout_.PyTupleObject.ob_item), count, EdgeKind::kIndex, sink, object);
}

void References::struct_sequence(Address object, const TypeInfo& type, EdgeSink& sink) const {
  std::int64_t n = objects_.ob_size(object);
  if (n < 0 || n > std::int64_t{1} << 40) return health_.skip(Skip::kImplausibleSize, object);
  if (objects_.python().rules.structseq_by_basicsize) {
    n += (type.basicsize - layout_.PyTupleObject.ob_item) / 8;
  } else {
    // The number of fields, hidden ones included, stands in the type's dict as an int.
    const Address fields = objects_.item(types_.type_dict(type.address), "n_fields");
    if (!is_null(fields)) {
      const auto digit = objects_.load<std::uint32_t>(fields, layout_.PyLongObject.ob_digit);
      if (!digit) health_.skip(Skip::kUnreadable, object);
      if (digit && *digit < 10'000) n = *digit;
    }
  }
  if (n < 0) return health_.skip(Skip::kImplausibleSize, object);
  tuple(object, static_cast<std::uint64_t>(n), sink);
}

void References::set(Address object, EdgeSink& sink) const {
  const auto& l = layout_.PySetObject;
  const auto mask = objects_.load<std::int64_t>(object, l.mask);
  const Address table = objects_.pointer(object, l.table);
  const std::int32_t entry = layout_.setentry.size;
  if (!mask || *mask < 0 || *mask > std::int64_t{1} << 40 || entry < 16)
    return health_.skip(Skip::kImplausibleSize, object);
  const std::uint64_t n = static_cast<std::uint64_t>(*mask) + 1;
  const std::byte* entries = objects_.image().at(table, n * static_cast<std::uint64_t>(entry));
  if (!entries) return health_.skip(Skip::kUnreadable, object);
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::byte* e = entries + i * static_cast<std::uint64_t>(entry);
    const std::uint64_t key = word_at(e + layout_.setentry.key, 0);
    // A removed entry holds the dummy, with hash -1 that no live key has.
    if (key == 0 || word_at(e + layout_.setentry.hash, 0) == ~std::uint64_t{0}) continue;
    sink.add(Address{key}, EdgeKind::kElement, 0, EdgeClass::kVisited);
  }
}

void References::deque(Address object, EdgeSink& sink) const {
  const auto& l = layout_.dequeobject;
  const std::int64_t n = objects_.ob_size(object);
  Address block = objects_.pointer(object, l.leftblock);
  const auto left = objects_.load<std::int64_t>(object, l.leftindex);
  const std::int64_t block_len = (layout_.block.rightlink - layout_.block.data) / 8;
  if (n < 0 || !left || *left < 0 || *left > block_len || n > std::int64_t{1} << 40)
    return health_.skip(Skip::kImplausibleSize, object);
  // By the length, not by rightindex: a damaged chain of blocks cannot lead round and round.
  std::int64_t index = *left;
  for (std::int64_t done = 0; done < n;) {
    const std::int64_t here = std::min(n - done, block_len - index);
    const std::byte* items =
        objects_.image().at(at(block, layout_.block.data) + static_cast<std::uint64_t>(index) * 8,
                            static_cast<std::uint64_t>(here) * 8);
    if (!items) return health_.skip(Skip::kUnreadable, object);
    for (std::int64_t i = 0; i < here; ++i)
      sink.add(Address{word_at(items, static_cast<std::uint64_t>(i))}, EdgeKind::kIndex,
               static_cast<std::uint64_t>(done + i), EdgeClass::kVisited);
    done += here;
    index = 0;
    if (done < n) block = objects_.pointer(block, layout_.block.rightlink);
    if (here <= 0) return;
  }
}

void References::ordered_dict(Address object, EdgeSink& sink) const {
  Address node = objects_.pointer(object, layout_.PyODictObject.od_first);
  const auto used = objects_.load<std::int64_t>(object, layout_.PyDictObject.ma_used);
  if (!used || *used < 0) return health_.skip(Skip::kImplausibleSize, object);
  // A node a key; one more than that and the chain is not what it should be.
  for (std::int64_t i = 0; !is_null(node); ++i) {
    if (i > *used) {
      health_.skip(Skip::kImplausibleSize, object);
      break;
    }
    std::uint64_t key;
    if (!objects_.image().load(at(node, layout_.ODictNode.key), key)) {
      health_.skip(Skip::kUnreadable, object);
      break;
    }
    sink.add(Address{key}, EdgeKind::kKey, 0, EdgeClass::kVisited);
    node = objects_.pointer(node, layout_.ODictNode.next);
  }
  dict(object, sink);
}

void References::lru_cache(Address object, EdgeSink& sink) const {
  // The links of a bounded cache are no objects for the collector: lru_cache_tp_traverse visits what they
  // hold. The ring owns each link, as the dict of the cache does.
  const auto& l = layout_.lru_cache_object;
  const auto& link = layout_.lru_list_elem;
  const Address root = at(object, l.root);
  Address node = objects_.pointer(root, link.next);
  if (is_null(node)) return;
  // A ring that closes at the root; no cache is as long as memory has room for links.
  const std::uint64_t most = objects_.image().heap_positions() / 32;
  const bool type_too = objects_.python().rules.lru_links_visit_type;
  for (std::uint64_t i = 0; node != root; ++i) {
    std::uint64_t key, result;
    if (i > most || !objects_.image().load(at(node, link.key), key) ||
        !objects_.image().load(at(node, link.result), result)) {
      return health_.skip(Skip::kUnreadable, object);
    }
    sink.add(Address{key}, EdgeKind::kKey, 0, EdgeClass::kVisited);
    sink.add(Address{result}, EdgeKind::kValue, key, EdgeClass::kVisited);
    sink.add(node, EdgeKind::kLink, i, EdgeClass::kOwned);
    if (type_too) sink.add(objects_.type_of(node), EdgeKind::kLink, i, EdgeClass::kVisited);
    node = objects_.pointer(node, link.next);
  }
}

void References::tee_data(Address object, EdgeSink& sink) const {
  const auto& l = layout_.teedataobject;
  const auto n = objects_.load<std::int32_t>(object, l.numread);
  if (!n || *n < 0 || *n > (layout_.teedataobject.size - l.values) / 8)
    return health_.skip(Skip::kImplausibleSize, object);
  pointers(at(object, l.values), static_cast<std::uint64_t>(*n), EdgeKind::kIndex, sink, object);
}

void References::simple_queue(Address object, EdgeSink& sink) const {
  const auto& l = layout_.simplequeueobject;
  if (l.items == kAbsent) return;  // to 3.12 the items are in a list, which is a field
  const auto get = objects_.load<std::int64_t>(object, l.get_idx);
  const auto cap = objects_.load<std::int64_t>(object, l.items_cap);
  const auto n = objects_.load<std::int64_t>(object, l.num_items);
  if (!get || !cap || !n || *cap < 0 || *cap > std::int64_t{1} << 40 || *n < 0 || *n > *cap || *get < 0 ||
      (*get >= *cap && *n > 0)) {
    return health_.skip(Skip::kImplausibleSize, object);
  }
  const Address items = objects_.pointer(object, l.items);
  const std::int64_t first = std::min(*n, *cap - *get);  // up to the end of the ring, then from its start
  if (first > 0)
    pointers(items + static_cast<std::uint64_t>(*get) * 8, static_cast<std::uint64_t>(first),
             EdgeKind::kIndex, sink, object);
  if (*n > first)
    pointers(items, static_cast<std::uint64_t>(*n - first), EdgeKind::kIndex, sink, object,
             static_cast<std::uint64_t>(first));
}

void References::hamt_node(Address object, TraverseRule body, EdgeSink& sink) const {
  const std::int64_t n = objects_.ob_size(object);
  switch (body) {
    case TraverseRule::kHamtArray:
      return pointers(at(object, layout_.PyHamtNode_Array.a_array), 32, EdgeKind::kIndex, sink, object);
    case TraverseRule::kHamtBitmap:
      if (n < 0) return health_.skip(Skip::kImplausibleSize, object);
      return pointers(at(object, layout_.PyHamtNode_Bitmap.b_array), static_cast<std::uint64_t>(n),
                      EdgeKind::kIndex, sink, object);
    default:
      if (n < 0) return health_.skip(Skip::kImplausibleSize, object);
      return pointers(at(object, layout_.PyHamtNode_Collision.c_array), static_cast<std::uint64_t>(n),
                      EdgeKind::kIndex, sink, object);
  }
}

}  // namespace heapglass
