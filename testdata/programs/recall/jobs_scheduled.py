# cause: leaks [a-z-]+ .*_jobs.*
# needs: apscheduler
"""A job a request in a scheduler, a year from now."""
import datetime
import leaking
import storefront
from apscheduler.schedulers.background import BackgroundScheduler

scheduler = BackgroundScheduler(timezone="UTC")
scheduler.start()
when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=365)


def remind(order):
    return order


def leak(i):
    storefront.serve(i)
    scheduler.add_job(remind, "date", run_date=when + datetime.timedelta(seconds=i), args=["order %d" % i], id="job %d" % i)


leaking.run(leak, 1500)
