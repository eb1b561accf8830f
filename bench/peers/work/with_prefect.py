"""Prefect: a flow in the caller's process, recorded by the server that Prefect starts for it."""

from prefect import flow, task
from turns import same, serve

one = task(same)


@flow(validate_parameters=False)
def single(value):
    return value


@flow(validate_parameters=False)
def every(values):
    return [future.result() for future in one.map(values)]


if __name__ == "__main__":
    serve(single, every)
