"""submitit on this machine: a process for each job, its logs and its result in files."""

import submitit
from turns import same, serve

if __name__ == "__main__":
    executor = submitit.LocalExecutor(folder="submitit")
    serve(
        lambda value: executor.submit(same, value).result(),
        lambda values: [job.result() for job in [executor.submit(same, value) for value in values]],
    )
