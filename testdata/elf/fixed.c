// A program at a fixed address, like Debian's python3.
int fixed_object = 1;

int main(void) { return fixed_object == 1 ? 0 : 1; }
