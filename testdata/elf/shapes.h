// Structs of the shapes that debug information describes in different ways. The samples beside are compiled
// from this header, and so are the tests, which compare what they find with offsetof.
#ifndef HEAPGLASS_TESTDATA_ELF_SHAPES_H
#define HEAPGLASS_TESTDATA_ELF_SHAPES_H

#include <stdint.h>

// The linker keeps "_shape" as the tail of "a_shape".
struct a_shape {
  long unused;
};
struct _shape {
  long count;
  void* type;
};
typedef struct _shape shape;

// So short that compilers write the name into the entry itself.
struct _t {
  char c;
  int64_t id;
};

// Declared in one unit, defined in another, the typedef in both.
typedef struct _hidden hidden;

typedef struct {
  uintptr_t next;
  uintptr_t previous;
} links;
typedef links links_again;
typedef const volatile links_again links_qualified;

typedef union {
  shape object;
  double number;
  char bytes[24];
} any;

typedef struct {
  shape base;
  any value;
  struct {
    int x, y;
  } point;
  struct {
    int in_anonymous;
    union {
      short either;
      long other;
    };
  };
  links generations[3];
  links grid[2][5];
  unsigned numbers[7];
  struct {
    unsigned interned : 2;
    unsigned kind : 3;
    unsigned compact : 1;
    unsigned : 0;
    unsigned second_word : 31;
  } state;
  uint64_t wide : 40;
  uint64_t crossing : 20;
  enum { kRed, kBlue } colour;
  int (*call)(struct _shape*, int);
  const links_again* const pointer;
  links_qualified qualified;
  char tail[];
} everything;

typedef struct {
  struct {
    struct {
      struct {
        struct {
          struct {
            int bottom;
          } six;
        } five;
      } four;
    } three;
  } two;
  int top;
} deep;

// A struct of this tag is defined twice, differently.
struct twice;

struct only_declared;
typedef struct only_declared* only_declared_pointer;

#endif
