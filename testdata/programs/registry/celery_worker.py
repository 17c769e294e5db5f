"""celery: a worker with a broker in memory that has run tasks, chains and retries, and is stuck in one now."""
import truth

from celery import Celery, chain, group, signals

app = Celery("shop", broker="memory://", backend="cache+memory://")
app.conf.update(worker_hijack_root_logger=False, worker_redirect_stdouts=False, task_track_started=True, broker_connection_retry_on_startup=True,
                timezone="UTC", task_routes={"shop.slow": {"queue": "celery"}})
keep = {"done": []}


@app.task(name="shop.add")
def add(a, b):
    keep["done"].append((a, b))
    return a + b


@app.task(name="shop.fails", bind=True, max_retries=1)
def fails(self, what):
    try:
        raise ValueError(what)
    except ValueError as error:
        keep["error"] = error
        if self.request.retries < 1:
            raise self.retry(exc=error, countdown=0)
        raise


@app.task(name="shop.stuck", bind=True)
def stuck(self, data):
    local = [self.request, data]
    assert len(keep["done"]) >= 20
    worker.timer.stop()  # its thread would go on under the truth
    truth.hold()
    return local


@signals.task_success.connect
def succeeded(sender, result, **more):
    keep["result"] = sender, result


keep["results"] = [add.delay(i, i) for i in range(20)]
keep["failing"] = fails.delay("expected")
keep["signature"] = chain(add.s(1, 2), add.s(3)), group(add.s(i, i) for i in range(3))
keep["chained"] = keep["signature"][0].delay()
keep["later"] = add.apply_async((5, 5), countdown=3000)
keep["stuck"] = stuck.delay({"with": ["data"]})
worker = app.Worker(pool="solo", loglevel="CRITICAL", without_gossip=True, without_mingle=True, without_heartbeat=True, quiet=True)
worker.start()
