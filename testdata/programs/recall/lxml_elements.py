# cause: leaks unbounded-cache __main__\.index
# needs: lxml
"""One element of each document in an index."""
import leaking
import storefront
from lxml import etree

index = {}
page = "<html><body>" + "<p class='x'>a paragraph with some text</p>" * 300 + "</body></html>"


def leak(i):
    storefront.serve(i)
    index["page %d" % i] = etree.fromstring(page)[0][7]


leaking.run(leak, 200)
