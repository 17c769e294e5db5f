# cause: leaks unbounded-cache|unclosed-database __main__\.databases
"""sqlite3 databases in memory, one a tenant, never closed."""
import sqlite3

import leaking
import storefront

databases = {}


def leak(i):
    storefront.serve(i)
    base = databases[i] = sqlite3.connect(":memory:", check_same_thread=False)
    base.execute("create table orders (number integer, text)")
    base.executemany("insert into orders values (?, ?)", [(each, "order %d" % each) for each in range(3000)])


leaking.run(leak, 40)
