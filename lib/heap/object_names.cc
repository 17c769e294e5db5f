#include "lib/heap/object_names.h"

#include <algorithm>
#include <set>

#include "lib/python/references.h"

namespace heapglass {
namespace {

constexpr std::size_t kMostFrames = 64;  // from the innermost: what is further out has other words for it

// The name under which an instance has an object.
class AttributeName final : public EdgeSink {
 public:
  AttributeName(const Objects& objects, Address wanted) : o_(objects), wanted_(wanted) {}
  std::string found;

 private:
  void take(const Edge* edges, std::size_t count) override {
    for (const Edge* e = edges; e != edges + count && found.empty(); ++e) {
      if (e->kind == EdgeKind::kDict)
        o_.each_item(e->referent, [&](Address key, Address value) {
          if (value == wanted_ && found.empty()) found = o_.str(key, 200).value_or(std::string());
        });
      if (e->referent != wanted_) continue;
      if (e->kind == EdgeKind::kAttribute) found = o_.str(Address{e->payload}, 200).value_or(std::string());
      if (e->kind == EdgeKind::kSlot) found = o_.c_string(Address{e->payload}, 200).value_or(std::string());
    }
  }
  const Objects& o_;
  const Address wanted_;
};

}  // namespace

ObjectNames::ObjectNames(TypeTable& types, const FrameContents& contents)
    : types_(types), o_(types.objects()), contents_(contents) {
  const auto field = LayoutSources(o_.python().sources).field("PyCodeObject", "co_names");
  if (field) co_names_ = static_cast<std::int32_t>(field->offset);
}

// Where only the names that the code of the frame has are of interest, they are looked up one by one.
std::string ObjectNames::among_globals(Address object, const PyFrame& frame, bool named_by_code) const {
  const Address globals = contents_.globals(frame);
  if (is_null(globals)) return {};
  std::string found;
  const Address names = named_by_code ? o_.pointer(frame.code, co_names_) : Address{};
  std::set<Address> wanted;
  for (std::int64_t i = 0;
       named_by_code && i < std::min<std::int64_t>(is_null(names) ? 0 : o_.ob_size(names), 10'000); ++i)
    wanted.insert(o_.pointer(names, o_.layout().PyTupleObject.ob_item + static_cast<std::int32_t>(8 * i)));
  o_.each_item(globals, [&](Address key, Address value) {
    // Names of code and of modules are interned: the same str.
    if (value == object && found.empty() && (!named_by_code || wanted.count(key)))
      found = o_.str(key, 200).value_or(std::string());
  });
  if (found.empty()) return {};
  const auto module = o_.str(o_.item(globals, "__name__"), 200);
  return (module ? *module + "." : std::string()) + found;
}

std::string ObjectNames::attribute_of(Address holder, Address object) const {
  const TypeInfo* type = types_.get(o_.type_of(holder));
  if (!type || !(type->flags & kTpHeapType) || type->flags & kTpTypeSubclass) return {};
  AttributeName sink(o_, object);
  ReadErrors scratch;
  References(types_, scratch).visit(holder, *type, sink);
  sink.drain();
  return sink.found;
}

std::string ObjectNames::of(Address object, const std::vector<PyFrame>& frames) const {
  const std::size_t n = std::min(frames.size(), kMostFrames);
  std::set<Address> looked_at;
  for (std::size_t f = 0; f < n; ++f)
    if (looked_at.insert(contents_.globals(frames[f])).second)
      if (const std::string name = among_globals(object, frames[f], false); !name.empty()) return name;
  std::string local_name;
  for (std::size_t f = 0; f < n; ++f)
    for (const PyLocal& local : contents_.locals(frames[f])) {
      if (local.value == object && local.name != "self" && local_name.empty()) local_name = local.name;
      // What the threading module calls its own says nothing.
      if (frames[f].file.ends_with("/threading.py") || frames[f].file.ends_with("/queue.py")) continue;
      if (const std::string name = attribute_of(local.value, object); !name.empty())
        return local.name + "." + name + " at " + to_hex(object);
    }
  return (local_name.empty() ? "at " : local_name + " at ") + to_hex(object);
}

bool ObjectNames::refers(Address object, const std::vector<PyFrame>& frames) const {
  const std::size_t n = std::min(frames.size(), kMostFrames);
  for (std::size_t f = 0; f < n; ++f) {
    for (const PyLocal& local : contents_.locals(frames[f]))
      if (local.value == object || !attribute_of(local.value, object).empty()) return true;
    if (!among_globals(object, frames[f], true).empty()) return true;
  }
  return false;
}

}  // namespace heapglass
