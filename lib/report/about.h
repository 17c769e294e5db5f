// Who made a document, and of which process and moment it tells.
#pragma once

#include "lib/render/report.h"
#include "lib/target/capture_origin.h"

namespace heapglass {

// {"heapglass", "host", "pid", "started", "container", "time"}: the version of heapglass, and null for what
// is not known.
Record about(const CaptureOrigin& origin);

// Of a document that is not of one capture: this host, now.
CaptureOrigin of_this_host();

}  // namespace heapglass
