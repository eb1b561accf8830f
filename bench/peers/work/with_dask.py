"""Dask: a cluster of processes on this machine, kept."""

import os

from dask.distributed import Client, LocalCluster
from turns import same, serve

if __name__ == "__main__":
    with (
        LocalCluster(n_workers=os.cpu_count(), threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        serve(
            lambda value: client.submit(same, value, pure=False).result(),
            lambda values: client.gather([client.submit(same, value, pure=False) for value in values]),
        )
