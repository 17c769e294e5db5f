// pprof's profile.proto (https://github.com/google/pprof), gzipped, as `go tool pprof` reads it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

#include "lib/render/formats.h"
#include "lib/render/report.h"

namespace heapglass {

// One way to divide a heap: sample types of its own, so that the samples of two views are never added up.
struct PprofView {
  std::string_view objects, space;  // what its sample types are called: "inuse_objects", "inuse_space"
  const Profile& profile;
};

// The whole file, of at least one view; go tool pprof shows the first where it is not told which. `seconds`
// since 1970, 0: not known.
std::string pprof_file(std::span<const PprofView> views, std::int64_t seconds);

Warnings render_pprof(const Document& document, const RenderOptions& options, std::ostream& out);

}  // namespace heapglass
