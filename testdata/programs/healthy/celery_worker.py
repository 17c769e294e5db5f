# needs: celery
"""A Celery worker with a broker in memory, which has done some hundred tasks."""
import threading
import time

import load

import celery

app = celery.Celery("shop", broker="memory://", backend="cache+memory://")
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True, result_expires=1)
done = threading.Semaphore(0)


@app.task(ignore_result=True)
def bill(order):
    total = sum(line["price"] for line in order["lines"])
    done.release()
    return total


worker = app.Worker(pool="threads", concurrency=2, loglevel="ERROR", without_mingle=True, without_gossip=True,
                    without_heartbeat=True)
threading.Thread(target=worker.start, daemon=True).start()
time.sleep(1)
for i in range(300):
    bill.delay({"number": i, "lines": [{"price": each} for each in range(5)]})
for _ in range(300):
    done.acquire(timeout=30)
time.sleep(0.5)
load.hold()
