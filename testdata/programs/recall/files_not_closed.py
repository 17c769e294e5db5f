# cause: leaks unclosed-file __main__\.readers
"""Files that are opened for each request and stay in a list."""
import leaking
import storefront

readers = []


def leak(i):
    storefront.serve(i)
    readers.append(open(__file__))


leaking.run(leak, 300)
