"""A sweep as mapped tasks: on threads, and on processes of Dask that share a folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.sweep import sweep
from tests.repositories import LARGE
from tests.steps import commit
from versioning import Repository, Version, layout, open_repository
from versioning.envelope import dump
from versioning.expiry import Cause, Expiry
from versioning.invalidations import Invalidation
from versioning.retention import Policy
from versioning.sweep import Patience

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
HASTE = Patience(trash=timedelta(0), abandoned=timedelta(0), wait_seconds=0)
POLICY = Policy.of({"trash": "1s", "rules": [{"keep_last": 1}]}, "tests")


@pytest.fixture
def repository(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "cache"))
    return open_repository()


@pytest.fixture
def versions(repository: Repository) -> list[Version]:
    """Eight, of which every other one went into the trash a day ago, two of them pinned since."""
    made = [commit(repository, LARGE + bytes([n]), "clean", minute=n, n=n) for n in range(8)]
    plan = repository.plan_prune(POLICY)
    at = datetime.now(UTC) - timedelta(days=1)
    for version in made[::2]:
        Expiry(repository).trash(version.id, Cause(plan.id, "all", "tests", at))
    for version in made[:3:2]:
        # As one who was stopped before looking into the trash.
        super(Repository, repository).pin(version.id, "audit")
    return made


def _dask() -> TaskRunner:
    from prefect_dask import DaskTaskRunner

    return DaskTaskRunner(
        cluster_kwargs={"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    )


@pytest.mark.parametrize(
    "runner", [lambda: ThreadPoolTaskRunner(max_workers=4), _dask], ids=["threads", "dask"]
)
def test_tasks_delete_what_one_process_would(
    repository: Repository, versions: list[Version], runner
) -> None:
    garbage = f"{'00'}/{'0' * 64}-{'0' * 16}"
    repository.store.put(layout.blob(garbage), b"garbage")
    repository.store.put(
        layout.intent("0" * 32), dump("intent", {"created": "2020-01-01T00:00:00+00:00"})
    )
    done = sweep.with_options(task_runner=runner())(tasks=4, patience=HASTE)
    gone = versions[4::2]
    assert sorted(done.erased) == sorted(version.id for version in gone)
    assert sorted(done.deleted) == sorted([garbage, *(v.record.manifest[0].name for v in gone)])
    assert done.freed_bytes == len(b"garbage") + sum(version.size_bytes for version in gone)
    assert done.revoked == ["0" * 32]
    assert [repository.is_live(version.record) for version in versions] == [
        version not in gone for version in versions
    ]
    assert not list(repository.store.names(layout.MARKS))
    assert not list(repository.store.names(layout.INTENTS))
    assert repository.verify().is_sound
    assert sweep(tasks=4, patience=HASTE).deleted == []


def test_nothing_is_deleted_while_a_writer_is_at_work(
    repository: Repository, versions: list[Version]
) -> None:
    now = datetime.now(UTC).isoformat()
    repository.store.put(layout.intent("0" * 32), dump("intent", {"created": now}))
    done = sweep(tasks=2, patience=Patience(trash=timedelta(0), wait_seconds=0))
    assert (done.busy, done.deleted) == (["0" * 32], [])
    assert all(repository.is_live(version.record) for version in versions)


def test_an_erasure_that_was_stopped_is_finished(
    repository: Repository, versions: list[Version]
) -> None:
    at = datetime.now(UTC)
    entry = Invalidation("asked for by letter", "named", "ann", at, "plan", erase=True)
    repository.invalidations.mark(versions[1].id, entry)
    name = layout.blob(str(versions[1].record.manifest[0].name))
    done = sweep(tasks=2, patience=Patience(abandoned=timedelta(0), wait_seconds=0))
    assert name.removeprefix(layout.BLOBS) in done.deleted
    assert repository.record(versions[1].id).erased is not None
    assert repository.lookup(versions[1].key) is None
    assert repository.verify().is_sound


def test_a_run_is_named_by_repository_and_day(
    repository: Repository, versions: list[Version]
) -> None:
    state = sweep(url=repository.url, tasks=1, patience=HASTE, return_state=True)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    place = "/".join(Path(repository.url).parts[-2:])
    assert run.name == f"sweep-{place}-{run.expected_start_time:%Y-%m-%d}"
