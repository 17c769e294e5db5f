"""Memory that C code takes and never gives back: no object of Python's tells of it."""
import ctypes

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.memset.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)


def leak(i):
    libc.memset(libc.malloc(40000), 1, 40000)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
