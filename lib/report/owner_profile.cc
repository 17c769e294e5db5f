#include "lib/report/owner_profile.h"

#include "lib/heap/owner_paths.h"

namespace heapglass {

Profile owner_profile(const Heap& heap, unsigned depth, std::uint64_t named_from) {
  OwnerPaths paths = owner_paths(heap.labels(), heap.view(), heap.dominators(), depth, named_from);
  Profile profile{.name = "retained bytes of " + heap.target().name(),
                  .unit = "bytes",
                  .frames = std::move(paths.names),
                  .samples = {}};
  profile.samples.reserve(paths.paths.size());
  for (OwnerPath& path : paths.paths)
    profile.samples.push_back({std::move(path.names), path.bytes, path.objects});
  return profile;
}

}  // namespace heapglass
