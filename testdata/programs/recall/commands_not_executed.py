# cause: leaks unbounded-cache .*command_stack
# needs: redis
"""A pipeline that is filled and never executed."""
import leaking
import redis
import storefront

pipeline = redis.Redis().pipeline(transaction=False)


def leak(i):
    storefront.serve(i)
    pipeline.set("key %d" % i, "value %d" % i)


leaking.run(leak, 5000)
