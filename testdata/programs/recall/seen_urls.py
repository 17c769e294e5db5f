# cause: leaks unbounded-cache __main__\.crawler\.seen
"""A crawler that notes each address that it has met, in a set of strings."""
import leaking
import storefront


class Crawler:
    def __init__(self):
        self.seen = set()

    def visit(self, number):
        storefront.serve(number)
        for page in range(5):
            self.seen.add("https://shop.example/category/%d/product/%d?page=%d" % (number % 17, number, page))


crawler = Crawler()
leaking.run(crawler.visit, 6000)
