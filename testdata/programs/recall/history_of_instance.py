# cause: leaks unbounded-cache __main__\.application\.history
# quick
"""A list that is an attribute of the one application object."""
import leaking
import storefront


class Application:
    def __init__(self):
        self.name = "shop"
        self.history = []

    def handle(self, number):
        storefront.serve(number)
        self.history.append(("GET", "/product/%d" % number, {"agent": "browser %d" % number, "cookies": ["a=%d" % number]}))


application = Application()
leaking.run(application.handle, 6000)
