# needs: dask distributed pandas
"""A scheduler and a worker of dask in one process, after some work on frames."""
import load

import dask
import dask.array
from distributed import Client, LocalCluster

if __name__ == "__main__":
    dask.config.set({"distributed.worker.memory.target": False})
    cluster = LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None,
                           scheduler_port=0, protocol="tcp://", host="127.0.0.1")
    client = Client(cluster)
    for i in range(20):
        array = dask.array.random.random((400, 400), chunks=(100, 100))
        (array + array.T).mean(axis=0).compute()
        client.submit(sum, range(i, 100)).result()
    load.hold()
