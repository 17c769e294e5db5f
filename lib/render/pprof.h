// pprof's profile.proto (https://github.com/google/pprof), gzipped, as `go tool pprof` reads it.
#pragma once

#include <iosfwd>

#include "lib/render/formats.h"

namespace heapglass {

Warnings render_pprof(const Document& document, const RenderOptions& options, std::ostream& out);

}  // namespace heapglass
