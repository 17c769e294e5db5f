"""Objects of an extension (argument: the folder that it is built in) with memory and references that only C knows."""
import os
import sys

sys.path[:0] = [sys.argv[1], os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")]
import native_memory

# Leads to all that the holders have, and is made before them.
TABLE = native_memory.table()
CAPSULES = [native_memory.capsule(100_000) for i in range(40)]
LONGER = [native_memory.longer(50_000) for i in range(20)]
# Each has 500 nodes of 96 bytes, a block of 400,000, and a text that nothing else has.
KEPT = [native_memory.holder(500, 400_000, "label %d of a holder" % i) for i in range(20)]
BOASTERS = [native_memory.boaster() for i in range(3)]
CACHE = {i: "entry %d" % i for i in range(20_000)}

print("READY", flush=True)
sys.stdin.read()
