# cause: leaks unbounded-cache|large-object __main__\.jar(\._cookies)?.*
"""One cookie jar for all customers: a cookie by domain and path."""
import http.cookiejar
import urllib.request

import leaking
import storefront

jar = http.cookiejar.CookieJar()


def leak(i):
    storefront.serve(i)
    jar.set_cookie(http.cookiejar.Cookie(0, "session", "value %d" % i, None, False, "shop%d.example" % i, True, False, "/", True, False,
                                         2 ** 33, False, None, None, {}))


leaking.run(leak, 3000)
