// What the frames of a thread call an object.
#pragma once

#include <string>
#include <vector>

#include "lib/python/frame_contents.h"
#include "lib/python/types.h"

namespace heapglass {

// Borrows everything.
class ObjectNames {
 public:
  ObjectNames(TypeTable& types, const FrameContents& contents);

  // "app.lock_b" of a module whose code runs, else "self.lock at 0x7f31c0de" by an attribute of a local
  // variable, or "lock at 0x7f31c0de" by the variable itself, which others have for others; without a name
  // its address alone, "at 0x7f31c0de".
  std::string of(Address object, const std::vector<PyFrame>& frames) const;
  // Do the frames refer to it by a local variable, an attribute of one, or a global name of their code?
  bool refers(Address object, const std::vector<PyFrame>& frames) const;

 private:
  std::string among_globals(Address object, const PyFrame& frame, bool named_by_code) const;
  std::string attribute_of(Address holder, Address object) const;

  TypeTable& types_;
  const Objects& o_;
  const FrameContents& contents_;
  std::int32_t co_names_ = kAbsent;
};

}  // namespace heapglass
