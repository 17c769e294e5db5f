# cause: leaks unbounded-cache __main__\.names
# needs: beautifulsoup4
"""NavigableStrings of BeautifulSoup: each keeps its tree."""
import bs4
import leaking
import storefront

names = []
page = "<html><head><title>page %d</title></head><body>" + "<p class='x'>a paragraph</p>" * 100 + "</body></html>"


def leak(i):
    storefront.serve(i)
    names.append(bs4.BeautifulSoup(page % i, "html.parser").title.string)


leaking.run(leak, 60)
