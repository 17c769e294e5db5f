// An answer written where its options want it.
#pragma once

#include <string>

#include "lib/heap/heap.h"
#include "lib/render/output_options.h"
#include "lib/render/report.h"

namespace heapglass {

// The document with what is not exact in the heap as its caveats, and how it was captured for programs.
// Warnings go to the standard error.
void write_answer(const Heap& heap, Document document, const OutputOptions& options,
                  const std::string& default_format = "text", RenderOptions render = {});

// The same of a document that is not of one heap alone.
void write_document(Document document, const OutputOptions& options,
                    const std::string& default_format = "text", RenderOptions render = {});

}  // namespace heapglass
