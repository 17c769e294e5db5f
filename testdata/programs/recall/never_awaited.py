# cause: leaks never-awaited-coroutine __main__\.outbox
"""Coroutines that are made and kept and never awaited."""
import leaking
import storefront

outbox = []


async def send(mail):
    return mail


def leak(i):
    storefront.serve(i)
    outbox.append(send({"to": "customer %d" % i, "text": "dear customer %d" % i * 20}))


leaking.run(leak, 4000)
