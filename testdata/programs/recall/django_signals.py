# cause: leaks closure-capture|handlers-not-removed|unbounded-cache __main__\.order_placed\.receivers
# needs: django
"""connect(weak=False) of a new function for each request."""
import django.conf
import django.dispatch
import leaking
import storefront

django.conf.settings.configure()
order_placed = django.dispatch.Signal()


def leak(i):
    storefront.serve(i)
    basket = ["item %d.%d" % (i, each) for each in range(15)]

    def receiver(sender, **named):
        return basket
    order_placed.connect(receiver, weak=False)


leaking.run(leak, 600)
