# cause: leaks unbounded-cache __main__\.requests\._metrics|prometheus_client.*
# needs: prometheus_client
"""A label with the path of the request: a child for each."""
import leaking
import prometheus_client
import storefront

requests = prometheus_client.Counter("requests", "requests", ["path"])


def leak(i):
    storefront.serve(i)
    requests.labels("/product/%d" % i).inc()


leaking.run(leak, 5000)
