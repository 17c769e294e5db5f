#include "lib/python/versions.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

VersionTraits rules_of(unsigned minor, unsigned micro) {
  VersionTraits rules;
  EXPECT_TRUE(rules_for(hexversion_of(3, minor, micro) | 0xf0, rules));
  return rules;
}

TEST(Versions, BoundsOfAFieldSayWhatTraverseDoesWithIt) {
  const auto use = [](const char* bounds, unsigned minor, unsigned micro) {
    return field_use(bounds, hexversion_of(3, minor, micro) | 0xf0);
  };
  EXPECT_EQ(use("", 7, 0), FieldUse::kVisited);
  EXPECT_EQ(use("3.10", 9, 18), FieldUse::kOwned);
  EXPECT_EQ(use("3.10", 10, 0), FieldUse::kVisited);
  EXPECT_EQ(use("-3.12", 11, 7), FieldUse::kVisited);
  EXPECT_EQ(use("-3.12", 12, 0), FieldUse::kNone);
  EXPECT_EQ(use("3.13.10@!3.14.0", 13, 9), FieldUse::kOwned);
  EXPECT_EQ(use("3.13.10@!3.14.0", 13, 10), FieldUse::kVisited);
  EXPECT_EQ(use("3.13.10@!3.14.0", 14, 0), FieldUse::kOwned);
  EXPECT_EQ(use("3.13.10@!3.14.0", 14, 1), FieldUse::kVisited);
}

TEST(Versions, RangesAreOpenWhereThereIsNoBound) {
  EXPECT_TRUE(is_in_range(hexversion_of(3, 7), 0));
  EXPECT_TRUE(is_in_range(hexversion_of(3, 12), hexversion_of(3, 12)));
  EXPECT_FALSE(is_in_range(hexversion_of(3, 12), 0, hexversion_of(3, 12)));
  EXPECT_TRUE(is_in_range(hexversion_of(3, 11, 9), hexversion_of(3, 9), hexversion_of(3, 12)));
}

TEST(Versions, ReleasesDifferWithinAMinorVersion) {
  EXPECT_FALSE(rules_of(11, 6).pickle_memo_is_visited);
  EXPECT_TRUE(rules_of(11, 7).pickle_memo_is_visited);
  EXPECT_FALSE(rules_of(12, 0).pickle_memo_is_visited);
  EXPECT_TRUE(rules_of(12, 1).pickle_memo_is_visited);
  EXPECT_FALSE(rules_of(13, 12).dict_visits_inline_values);
  EXPECT_TRUE(rules_of(13, 13).dict_visits_inline_values);
  VersionTraits none;
  EXPECT_FALSE(rules_for(hexversion_of(3, 6, 15), none));
  EXPECT_FALSE(rules_for(hexversion_of(2, 7, 18), none));
}

// Each since the release that brought it, and in all later ones.
TEST(Versions, RulesStartWithTheirRelease) {
  struct Since {
    bool VersionTraits::*rule;
    unsigned minor;
  };
  for (const Since& since :
       {Since{&VersionTraits::structseq_has_traverse, 8}, Since{&VersionTraits::lru_links_visit_type, 10},
        Since{&VersionTraits::sqlite_cache_is_visited, 10}, Since{&VersionTraits::exports_version, 11},
        Since{&VersionTraits::metaclass_counts_gc_head, 13},
        Since{&VersionTraits::weakref_repr_has_whole_name, 13}, Since{&VersionTraits::atexit_list, 14},
        Since{&VersionTraits::shared_descriptors, 15}})
    for (unsigned minor = 7; minor <= 15; ++minor)
      EXPECT_EQ(rules_of(minor, 0).*since.rule, minor >= since.minor) << minor << " since " << since.minor;
}

}  // namespace
}  // namespace heapglass
