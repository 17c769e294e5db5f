// The memory of a family of processes as one bill that adds up to the sum of their Pss.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/memory/member_sharing.h"
#include "lib/memory/private_bytes.h"
#include "lib/render/report.h"

namespace heapglass {

// Of one process: why it has pages of its own, in bytes.
struct PrivateSummary {
  struct Named {
    PrivateCause cause{};
    std::string name;
    std::uint64_t bytes = 0;
  };
  std::array<std::uint64_t, kPrivateCauses> by_cause{};
  std::vector<Named> by_type, by_owner;  // the largest
  std::uint64_t freeze_keeps = 0, freeze_keeps_at_most = 0, immortal_keeps = 0;
  bool has_immortal_objects = false;  // 3.12 and later
};
// As bytes, from one process of ours to another; decode: nothing where they are none.
std::string encode(const PrivateBytes& bytes, bool has_immortal_objects);
std::optional<PrivateSummary> decode_private(const std::string& bytes);

struct FamilyMember {
  MemberSharing sharing;
  std::int32_t master = 0;                  // 0: it was forked from none of the others
  std::optional<PrivateSummary> its_pages;  // where it was compared with its master
};

// A member's pages of its own by cause, as parts of MemberSharing::own_anonymous: what the process has made
// its own between the two readings is new memory, and what was not looked at, not compared.
std::array<std::uint64_t, kPrivateCauses> causes_of(const FamilyMember& member);

// Tables "bill", "members", "private_types" and "private_owners", and what would have kept more shared.
void add_family_bill(const std::vector<FamilyMember>& members, bool by_frames, Document& document);

}  // namespace heapglass
