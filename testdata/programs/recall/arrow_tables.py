# cause: leaks unbounded-cache __main__\.batches
# needs: pyarrow
"""pyarrow tables in a dict: their memory is arrow's own pool."""
import leaking
import pyarrow
import storefront

batches = {}


def leak(i):
    storefront.serve(i)
    batches[i] = pyarrow.table({"order": pyarrow.array(range(i, i + 3000)), "price": pyarrow.array([each * 1.5 for each in range(3000)])})


leaking.run(leak, 300)
