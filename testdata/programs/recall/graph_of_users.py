# cause: leaks [a-z-]+ .*__main__\.graph.*
# needs: networkx
"""A graph of users that only grows."""
import leaking
import networkx
import storefront

graph = networkx.DiGraph()


def leak(i):
    storefront.serve(i)
    graph.add_edge("user %d" % i, "user %d" % (i // 2), weight=i, at="request %d" % i)


leaking.run(leak, 5000)
