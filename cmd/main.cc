#include <cstdio>
int main() { std::puts("heapglass"); return 0; }
