# cause: leaks unbounded-cache __main__\.results
# needs: celery
"""AsyncResults that are kept and never forgotten."""
import celery
import leaking
import storefront

app = celery.Celery("shop", broker="memory://", backend="cache+memory://")
app.conf.task_always_eager = True
results = []


@app.task
def report(number):
    return ["row %d.%d" % (number, i) for i in range(20)]


def leak(i):
    storefront.serve(i)
    results.append(report.delay(i))


leaking.run(leak, 600)
