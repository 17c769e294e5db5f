// heapglass_layout NAMES_FILE ELF [ELF...]: prints where the fields of C structs are. scripts/make-layout
// reads it.
//
// A line of NAMES_FILE is "Struct", "Struct: field.path field.path" or "Struct|alias|alias: fields"; '#'
// begins a comment. A field may have alternatives over the versions as well, "long_value.ob_digit|ob_digit":
// all that there are get a row. Each struct comes from the first ELF that has it, under the first alias that
// is found there. The columns of a row are separated by tabs, and '#' begins a line that says what is
// missing:
//   PyDictObject           0   48  no path: the size of the struct
//   PyDictObject  ma_used  16  8   field, offset, size; of a bit-field also its first bit and its bits

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "platform/binaries/dwarf_structs.h"

namespace {

using heapglass::DebugFileSearch;
using heapglass::DwarfStructs;
using heapglass::ElfFile;
using heapglass::FieldLayout;
using heapglass::StructLayout;
using heapglass::WantedStruct;

struct Request {
  std::vector<std::string> names;   // the first stands in the table
  std::vector<std::string> fields;  // empty: all but those of the object header
};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

std::vector<Request> read_requests(std::istream& in) {
  std::vector<Request> requests;
  for (std::string line; std::getline(in, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    const std::size_t colon = std::min(line.find(':'), line.size());
    std::string name;
    std::istringstream(line.substr(0, colon)) >> name;
    if (name.empty()) continue;
    Request request{split(name, '|'), {}};
    std::istringstream fields(line.substr(std::min(colon + 1, line.size())));
    for (std::string field; fields >> field;) {
      for (const std::string& alternative : split(field, '|')) request.fields.push_back(alternative);
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

void print_row(const std::string& name, const std::string& path, const FieldLayout& field) {
  std::cout << name << '\t' << path << '\t' << field.offset << '\t' << field.size;
  if (field.bit_size != 0) std::cout << '\t' << field.bit_offset << '\t' << field.bit_size;
  std::cout << '\n';
}

void print_struct(const Request& request, const StructLayout& layout) {
  const std::string& name = request.names.front();
  print_row(name, "", {0, layout.size, 0, 0});
  if (!request.fields.empty()) {  // in the order asked
    for (const std::string& path : request.fields) {
      if (const auto found = layout.fields.find(path); found != layout.fields.end()) {
        print_row(name, path, found->second);
      } else {
        std::cout << "# " << name << " has no " << path << '\n';
      }
    }
    return;
  }
  std::vector<std::pair<std::string, FieldLayout>> rows(layout.fields.begin(), layout.fields.end());
  std::ranges::stable_sort(rows, {}, [](const auto& row) {
    return std::pair(row.second.offset * 8 + row.second.bit_offset, ~row.second.size);
  });
  for (const auto& [path, field] : rows) {
    if (!path.starts_with("ob_base.")) print_row(name, path, field);
  }
}

int run(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: heapglass_layout NAMES_FILE ELF [ELF...]\n";
    return 2;
  }
  std::ifstream names_file(argv[1]);
  if (!names_file) {
    std::cerr << "heapglass_layout: cannot open " << argv[1] << '\n';
    return 2;
  }
  const std::vector<Request> requests = read_requests(names_file);
  std::vector<WantedStruct> wanted;
  for (const Request& request : requests) {
    unsigned depth = 4;
    for (const std::string& field : request.fields) {
      depth = std::max(depth, static_cast<unsigned>(std::ranges::count(field, '.')));
    }
    for (const std::string& name : request.names) wanted.push_back({name, depth});
  }

  std::vector<std::unique_ptr<DwarfStructs>> sources;
  for (int i = 2; i < argc; ++i) {
    std::string why;
    const auto file = ElfFile::open(argv[i], why);
    DebugFileSearch search;
    search.target_path = argv[i];
    auto source = file != nullptr ? DwarfStructs::load(file, wanted, search, why) : nullptr;
    if (source == nullptr) {
      std::cerr << "heapglass_layout: " << why << '\n';
      continue;
    }
    for (const std::string& problem : source->problems())
      std::cerr << "heapglass_layout: " << problem << '\n';
    sources.push_back(std::move(source));
  }
  if (sources.empty()) return 1;

  const auto find = [&](const Request& request) -> const StructLayout* {
    for (const auto& source : sources) {
      for (const std::string& name : request.names) {
        if (const StructLayout* const layout = source->find(name)) return layout;
      }
    }
    return nullptr;
  };
  for (const Request& request : requests) {
    if (const StructLayout* const layout = find(request)) {
      print_struct(request, *layout);
    } else {
      std::cout << "# missing: " << request.names.front() << '\n';
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "heapglass_layout: " << error.what() << '\n';
    return 1;
  }
}
