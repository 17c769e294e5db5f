#include "shapes.h"

// The typedef is not in use here: compilers leave it out of this unit's debug information.
struct _hidden {
  int64_t first;
  shape second;
};
struct _hidden hidden_object;
const unsigned long hidden_size = sizeof(struct _hidden);

struct twice {
  int one;
  int two;
};
struct twice twice_in_hidden;

static int same_name = 5;

int *other_address(void) { return &same_name; }
int other_same_name(void) { return same_name; }
