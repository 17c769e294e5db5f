// heapglass objects: the objects of a type or that a condition holds for, one a line.
#include "cmd/command.h"
#include "lib/open/open_heap.h"
#include "lib/report/objects_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {

int run_objects(const std::vector<std::string>& arguments) {
  CommandLine line("objects", "the objects of a type, or of which something is true, one a line");
  ObjectsAsked asked;
  line.option("type", &asked.types, "NAME",
              "objects of this type, module.qualname or the bare name; can be repeated");
  line.option("id", &asked.ids, "the object at this address; can be repeated");
  line.option(
      "where", &asked.condition,
      "only objects for which EXPR is true, such as \"size > 1MB and .user.name == 'bob'\": see heapglass "
      "help expressions");
  line.count("limit,n", &asked.most, 0, kMostRows, "print N objects (default 50), 0: all");
  line.choice<ObjectsSort>("sort", &asked.sort,
                           {{"size", ObjectsSort::kSize},
                            {"retained", ObjectsSort::kRetained},
                            {"refcount", ObjectsSort::kRefcount},
                            {"length", ObjectsSort::kLength},
                            {"id", ObjectsSort::kId}},
                           "KEY", "sort by size (default), retained, refcount, length or id");
  line.flag("paths", &asked.paths, "print the shortest root path of each object");
  if (!line.parse(arguments)) return kExitDone;
  const auto heap = open_heap(line.common(), {.references = asked.wants_retained() || asked.paths});
  write_answer(*heap, objects_document(*heap, asked), line.common());
  return kExitDone;
}

}  // namespace heapglass
