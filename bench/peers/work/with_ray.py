"""Ray: its processes on this machine, kept."""

import os

import ray
from turns import same, serve

if __name__ == "__main__":
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=os.cpu_count(), include_dashboard=False, log_to_driver=False)
    remote = ray.remote(same)
    serve(
        lambda value: ray.get(remote.remote(value)),
        lambda values: ray.get([remote.remote(value) for value in values]),
    )
    ray.shutdown()
