#include "shapes.h"

struct twice {
  int one;
};

struct a_shape a_shape_object;
struct _shape shape_object;
struct _t t_object;
shape shape_typedef_object;
links links_object;
links_again links_again_object;
links_qualified links_qualified_object;
any any_object;
everything everything_object;
deep deep_object;
static struct twice twice_object;
only_declared_pointer pointer_object;
hidden *hidden_pointer;
__thread int thread_local_object;

// Names as link-time optimisation leaves them.
static int unique_object __asm__("unique_object.lto_priv.0") = 1;
static int first_object __asm__("doubled_object.lto_priv.0") = 2;
static int second_object __asm__("doubled_object.lto_priv.1") = 3;
static int same_name = 4;
static int local_object = 6;
int other_same_name(void);

int sum(void) {
  return unique_object + first_object + second_object + same_name + local_object + twice_object.one +
         other_same_name();
}

int *addresses(int which) {
  switch (which) {
    case 0: return &unique_object;
    case 1: return &first_object;
    case 2: return &second_object;
    case 3: return &same_name;
    default: return &local_object;
  }
}
