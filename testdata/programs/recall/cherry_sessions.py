# cause: leaks [a-z-]+ .*RamSession.*cache.*
# needs: cherrypy
"""Sessions in memory, one a visitor without cookies, that nothing cleans up."""
import leaking
import storefront
from cherrypy.lib.sessions import RamSession


def leak(i):
    storefront.serve(i)
    session = RamSession(timeout=60 * 24 * 365, clean_freq=0)
    session.load()
    session["user"] = "user %d" % i
    session.acquire_lock() if not session.locked else None
    session.save()


leaking.run(leak, 3000)
