// What became of suspects from look to look: what grows while one watches is the leak.
#pragma once

#include <vector>

#include "lib/leaks/suspect.h"

namespace heapglass {

// Fills in `growth` of the last look's suspects by those of the looks before, the earliest first: the same
// pattern of the same owner is the same suspect. What grew comes first, by how much; the rest stays in order.
// Those that are told only if they grew are taken out where they did not, or where a part that is a suspect
// for itself is most of what grew in them; without looks before nothing is done.
void annotate_growth(std::vector<Suspect>& last, const std::vector<std::vector<Suspect>>& before);

// "app.cache" and "app.cache['k']" are of "app.cache", and "app.cache2" is not.
bool is_part_of(const std::string& path, const std::string& whole);

// The order of annotate_growth, for suspects that have their growth.
void sort_by_growth(std::vector<Suspect>& suspects);

}  // namespace heapglass
