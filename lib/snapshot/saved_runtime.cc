#include "lib/snapshot/saved_runtime.h"

#include <map>

namespace heapglass {
namespace {

class SavedStructs final : public StructSource {
 public:
  const StructLayout* find(std::string_view name) const override {
    const auto at = structs.find(name);
    return at == structs.end() ? nullptr : &at->second;
  }
  std::string description() const override { return whence; }

  std::string whence;
  std::map<std::string, StructLayout, std::less<>> structs;
};

// What of the interpreter's file is asked for after a capture: where the tables are that no struct leads to.
constexpr const char* kSymbols[] = {"_Py_tracemalloc_config",    "tracemalloc_config",
                                    "tracemalloc_traces",        "tracemalloc_domains",
                                    "tracemalloc_traced_memory", "tracemalloc_peak_traced_memory"};
constexpr const char* kParts[] = {".data", ".bss", ".PyRuntime"};

// A file that was there when the snapshot was taken.
class SavedBinary final : public Binary, public SymbolSource {
 public:
  SavedBinary(std::string path, std::string build_id, std::map<std::string, Symbol, std::less<>> places)
      : path_(std::move(path)), build_id_(std::move(build_id)), places_(std::move(places)) {}
  const std::string& path() const override { return path_; }
  std::string build_id() const override { return build_id_; }
  const SymbolSource& symbols() const override { return *this; }
  std::optional<Symbol> section(std::string_view name) const override { return find(name); }
  bool may_have_structs() const override { return false; }
  std::shared_ptr<const StructSource> structs(const std::vector<std::string>&) const override {
    return nullptr;
  }
  std::optional<Symbol> find(std::string_view name) const override {
    const auto at = places_.find(name);
    return at == places_.end() ? std::nullopt : std::optional(at->second);
  }

 private:
  const std::string path_, build_id_;
  const std::map<std::string, Symbol, std::less<>> places_;  // symbols, and sections by their names with dots
};

void save_places(SnapshotWriter& writer, const Binary& binary) {
  std::vector<std::string> names;
  const auto places = std::make_shared<std::vector<Symbol>>();
  auto add = [&](const char* name, const std::optional<Symbol>& place) {
    if (!place) return;
    names.emplace_back(name);
    places->push_back(*place);
  };
  for (const char* name : kSymbols) add(name, binary.symbols().find(name));
  for (const char* name : kParts) add(name, binary.section(name));
  writer.strings("places.name", names);
  writer.column<std::uint64_t>("places.address", names.size(), Transform::kNone,
                               [places](std::uint64_t i) { return value((*places)[i].address); });
  writer.column<std::uint64_t>("places.bytes", names.size(), Transform::kNone,
                               [places](std::uint64_t i) { return (*places)[i].size; });
}

std::map<std::string, Symbol, std::less<>> load_places(const SnapshotFile& file) {
  const auto names = file.strings("places.name");
  const auto address = file.column<std::uint64_t>("places.address", names.size());
  const auto bytes = file.column<std::uint64_t>("places.bytes", names.size());
  std::map<std::string, Symbol, std::less<>> places;
  for (std::size_t i = 0; i < names.size(); ++i) places[names[i]] = {Address{address[i]}, bytes[i]};
  return places;
}

}  // namespace

void save_runtime(SnapshotWriter& writer, Metadata& facts, const PyRuntime& python) {
  facts.set_number("python.hexversion", python.hexversion);
  facts.set("python.version", python.version);
  facts.set_number("python.py_debug", python.py_debug);
  facts.set_number("python.free_threaded", python.free_threaded);
  facts.set_number("python.runtime", value(python.runtime));
  facts.set("python.binary", python.binary->path());
  facts.set("python.build_id", python.binary->build_id());
  facts.set("python.how_found", python.how_found);
  facts.set("python.layout_source", python.layout_source);

  save_places(writer, *python.binary);

  struct Rows {
    std::vector<std::string> source, name, field;
    std::vector<std::uint64_t> of, size, in, offset, bytes, bit_offset, bit_size;
  };
  const auto rows = std::make_shared<Rows>();
  for (const auto& source : python.sources) {
    rows->source.push_back(source->description());
    for (const std::string& name : wanted_structs()) {
      const StructLayout* layout = source->find(name);
      if (!layout) continue;
      for (const auto& [field, at] : layout->fields) {
        rows->in.push_back(rows->name.size());
        rows->field.push_back(field);
        rows->offset.push_back(at.offset);
        rows->bytes.push_back(at.size);
        rows->bit_offset.push_back(at.bit_offset);
        rows->bit_size.push_back(at.bit_size);
      }
      rows->of.push_back(rows->source.size() - 1);
      rows->name.push_back(name);
      rows->size.push_back(layout->size);
    }
  }
  auto numbers = [&](const char* name, std::vector<std::uint64_t> Rows::*column, Transform transform) {
    writer.column<std::uint64_t>(name, ((*rows).*column).size(), transform,
                                 [rows, column](std::uint64_t i) { return ((*rows).*column)[i]; });
  };
  writer.strings("structs.source", rows->source);
  numbers("structs.of", &Rows::of, Transform::kDelta);
  writer.strings("structs.name", rows->name);
  numbers("structs.size", &Rows::size, Transform::kNone);
  numbers("structs.field.in", &Rows::in, Transform::kDelta);
  writer.strings("structs.field.name", rows->field);
  numbers("structs.field.offset", &Rows::offset, Transform::kNone);
  numbers("structs.field.bytes", &Rows::bytes, Transform::kNone);
  numbers("structs.field.bit_offset", &Rows::bit_offset, Transform::kNone);
  numbers("structs.field.bit_size", &Rows::bit_size, Transform::kNone);
}

PyRuntime load_runtime(std::shared_ptr<const SnapshotFile> file, const Metadata& facts) {
  PyRuntime python;
  python.hexversion = static_cast<std::uint32_t>(facts.number("python.hexversion"));
  python.version = facts.text("python.version");
  python.py_debug = facts.number("python.py_debug") != 0;
  python.free_threaded = facts.number("python.free_threaded") != 0;
  python.runtime = Address{facts.number("python.runtime")};
  python.how_found = facts.text("python.how_found");
  python.layout_source = facts.text("python.layout_source");
  if (!rules_for(python.hexversion, python.rules))
    throw Error(ErrorKind::kNotPython, "the snapshot '" + file->name() + "' is of CPython " + python.version +
                                           ", which this heapglass does not read");
  python.binary = std::make_shared<SavedBinary>(facts.text("python.binary"), facts.text("python.build_id"),
                                                load_places(*file));

  const auto sources = file->strings("structs.source"), names = file->strings("structs.name"),
             fields = file->strings("structs.field.name");
  const auto of = file->column<std::uint64_t>("structs.of", names.size()),
             size = file->column<std::uint64_t>("structs.size", names.size());
  auto of_fields = [&](const char* name) { return file->column<std::uint64_t>(name, fields.size()); };
  const auto in = of_fields("structs.field.in"), offset = of_fields("structs.field.offset"),
             bytes = of_fields("structs.field.bytes"), bit_offset = of_fields("structs.field.bit_offset"),
             bit_size = of_fields("structs.field.bit_size");
  std::vector<std::shared_ptr<SavedStructs>> made;
  for (const std::string& source : sources) {
    made.push_back(std::make_shared<SavedStructs>());
    made.back()->whence = source;
    python.sources.push_back(made.back());
  }
  std::vector<StructLayout*> layouts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (of[i] >= made.size()) file->fail("structs.of", "a struct is of a source that there is not");
    layouts.push_back(&made[of[i]]->structs[names[i]]);
    layouts.back()->size = size[i];
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (in[i] >= layouts.size()) file->fail("structs.field.in", "a field is in a struct that there is not");
    layouts[in[i]]->fields[fields[i]] = {offset[i], bytes[i], static_cast<std::uint32_t>(bit_offset[i]),
                                         static_cast<std::uint32_t>(bit_size[i])};
  }
  python.layout = load_layout(LayoutSources(python.sources)).layout;
  return python;
}

}  // namespace heapglass
