# cause: leaks unbounded-cache __main__\.store\.(by_time|by_name)
# quick
"""Jobs in order of time and by name, each with records of its own that have the jobs in common; nobody takes one out."""
import bisect
import leaking
import storefront


class Job:
    def __init__(self, number):
        self.name = "job %d" % number
        self.arguments = {"order": number, "text": "pay order %d until tomorrow" % number}


class Store:
    def __init__(self):
        self.by_time = []
        self.by_name = {}

    def add(self, when, job):
        bisect.insort(self.by_time, (when, job.name, job))
        self.by_name[job.name] = (job, when)


store = Store()


def leak(i):
    storefront.serve(i)
    store.add(i * 7919 % 1000003, Job(i))


leaking.run(leak, 600)
