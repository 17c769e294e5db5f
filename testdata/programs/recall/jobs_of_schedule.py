# cause: leaks [a-z-]+ .*(jobs|default_scheduler).*
# needs: schedule
"""A job that each request adds to the default scheduler."""
import leaking
import schedule
import storefront


def leak(i):
    storefront.serve(i)
    schedule.every(10).hours.do(print, "order %d" % i)


leaking.run(leak, 4000)
