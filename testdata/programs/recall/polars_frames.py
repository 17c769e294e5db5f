# cause: leaks unbounded-cache __main__\.frames
# needs: polars
"""polars data frames in a list."""
import leaking
import polars
import storefront

frames = []


def leak(i):
    storefront.serve(i)
    frames.append(polars.DataFrame({"order": list(range(i, i + 3000)), "price": [each * 1.5 for each in range(3000)]}))


leaking.run(leak, 300)
