# cause: leaks unbounded-cache .*breadcrumbs.*|.*_breadcrumbs.*|__main__\.events
# needs: sentry-sdk
"""Events that a before_send hook keeps for later."""
import leaking
import sentry_sdk
import storefront

events = []
sentry_sdk.init(dsn=None, default_integrations=False)


def leak(i):
    storefront.serve(i)
    events.append({"scope": sentry_sdk.get_current_scope().fork(), "text": "event %d" % i * 20})


leaking.run(leak, 2000)
