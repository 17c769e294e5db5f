// What an object on the way to another is for people: an lru_cache and its size, an asyncio task, a frame
// with its line. Types are known by name; what they hold is read from their bytes.
#pragma once

#include <string>

#include "lib/heap/labels.h"
#include "lib/heap/object_view.h"

namespace heapglass {

// "lru_cache of app.load (maxsize=None, 48,211 entries)", "function app.handle", "app.Session"; empty for
// plain containers, about which there is nothing to say but how they are called by their holder.
std::string describe_container(Labels& labels, const ObjectView& values, NodeId node);

// Members of it are alike and have no names: an item of a list, a value of a dict that is no namespace.
bool is_anonymous_collection(Labels& labels, NodeId node);

}  // namespace heapglass
