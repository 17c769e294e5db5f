# cause: leaks [a-z-]+ .*(frames|tracebacks).*
# needs: werkzeug
"""The debugger of werkzeug left on in production: the frames of every failed request are kept for its console."""
import leaking
import storefront
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client


def application(environ, start_response):
    rows = [{"order": environ["PATH_INFO"], "line": n} for n in range(20)]
    raise KeyError(len(rows))


debugged = DebuggedApplication(application, evalex=True, pin_security=False)
client = Client(debugged)


def leak(i):
    storefront.serve(i)
    client.get("/%d" % i)


leaking.run(leak, 300)
