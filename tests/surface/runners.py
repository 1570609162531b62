"""Task runners whose workers are other processes."""

from __future__ import annotations

from prefect.task_runners import TaskRunner


def dask() -> TaskRunner:
    from prefect_dask import DaskTaskRunner

    return DaskTaskRunner(
        cluster_kwargs={"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    )


def ray() -> TaskRunner:
    from prefect_ray import RayTaskRunner

    return RayTaskRunner(
        init_kwargs={"num_cpus": 2, "include_dashboard": False, "log_to_driver": False}
    )
