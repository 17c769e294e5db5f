// What a forked process has made its own, by comparing its pages with its master's at equal addresses.
#pragma once

#include "lib/target/image.h"
#include "lib/target/mappings.h"
#include "lib/target/private_page.h"
#include "platform/process/process.h"

namespace heapglass {

// The anonymous pages that no other process maps, of private mappings. `image` has the bytes of the process
// as they were captured; what it has not is read of the process now, and the master's pages are read while it
// runs: by the memory file, and only those that are in memory, so that nothing is brought in or copied for
// it. Empty where a page map is hidden.
PrivatePages private_pages(const Process& process, const Mappings& mappings, const Image& image,
                           const Process& master);

}  // namespace heapglass
