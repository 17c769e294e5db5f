# cause: leaks unbounded-cache __main__\.titles
# needs: lxml
"""Texts of xpath(): each keeps its whole document."""
import leaking
import storefront
from lxml import etree

titles = []
page = "<html><head><title>page %d</title></head><body>" + "<p>a paragraph with some text</p>" * 300 + "</body></html>"


def leak(i):
    storefront.serve(i)
    titles.append(etree.fromstring(page % i).xpath("//title/text()")[0])


leaking.run(leak, 200)
