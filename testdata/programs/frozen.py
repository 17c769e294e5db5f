"""gc.freeze(): most of the heap is in no list that the collector looks at, the rest is young."""
import gc

import truth

before = [{"n": [i]} for i in range(5000)]
gc.collect()
gc.freeze()
after = [{"n": [i]} for i in range(5000)]
mixed = [before[0], after[0]]

truth.hold()
