# cause: leaks unbounded-cache __main__\.Report\.cursors
"""Cursors in a list, each with its statement and its rows unread."""
import sqlite3

import leaking
import storefront

base = sqlite3.connect(":memory:", cached_statements=10)
base.execute("create table orders (number integer, text)")
base.executemany("insert into orders values (?, ?)", [(each, "order %d" % each) for each in range(100)])


class Report:
    cursors = []

    def __init__(self, number):
        cursor = base.execute("select * from orders where number <> ? -- %d" % number, (number,))
        cursor.fetchone()
        self.cursors.append(cursor)


def leak(i):
    storefront.serve(i)
    Report(i)


leaking.run(leak, 1500)
