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

    # A worker that is idle for a second is replaced by one that imports all anew, and each is made
    # to wait for whatever else the machine does: a thousand mapped steps would take an hour.
    workers = {"worker_niceness": 0, "idle_worker_killing_time_threshold_ms": 3_600_000}
    return RayTaskRunner(
        init_kwargs={
            "num_cpus": 2,
            "include_dashboard": False,
            "log_to_driver": False,
            "_system_config": workers,
        }
    )
