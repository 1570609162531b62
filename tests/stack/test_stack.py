"""Two hosts that share nothing but the servers: what `infra/compose.yaml` runs, as processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import psutil
import pytest

import infra.stack
from infra.postgres import postgres
from infra.processes import Processes, free_ports
from infra.stack import HOSTS, Stack
from tests.repositories import draft
from tests.stack.load import expected, load
from tests.stack.project import Api, Project
from versioning import Repository
from versioning.errors import ReadOnlyError
from versioning.integrations import mlflow
from versioning.integrations.prefect import run_table
from versioning.integrations.prefect.tables import Row

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default"),
]


def until(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.2)


def results(repository: Repository, run_id: str) -> dict[str, str]:
    """What came of each step of a run."""
    return {f"{row.step} {row.version[:12]}": row.status for row in rows_of(repository, run_id)}


def rows_of(repository: Repository, run_id: str) -> list[Row]:
    # A run is recorded just after Prefect is told that it ended.
    until(lambda: any("ended" in p for p in repository.run_parts(run_id)), "the record of a run")
    return run_table(run_id, repository=repository).rows


# Too few scans for a model that passes its gates.
GIVEN = {"problem": "digits", "as_of": "2024-01-04"}


@pytest.fixture(scope="module")
def retrained(api: Api) -> str:
    """A run of `retrain` on the first host."""
    [run] = api.completed(api.start("retrain/retrain-weekly", queue=HOSTS[0], **GIVEN))
    return run["id"]


def test_a_model_retrained_on_one_host_is_reused_on_the_other(
    stack: Stack, api: Api, retrained: str, repository: Repository
) -> None:
    [second] = api.completed(api.start("retrain/retrain-weekly", queue=HOSTS[1], **GIVEN))
    made, reused = (results(repository, run_id) for run_id in (retrained, second["id"]))
    assert set(made.values()) == {"miss"}
    assert set(reused.values()) == {"hit"}
    assert reused.keys() == made.keys()
    assert mlflow.registered_as("digit-reader", "challenger", uri=stack.urls["mlflow"]) is not None


def test_who_may_only_read_is_told_so(repository: Repository) -> None:
    record = next(iter(repository.versions())).record
    assert repository.is_live(record), "reading works"
    with pytest.raises(ReadOnlyError, match="ask for write access"):
        repository.commit({"auc": 1.0}, draft("by a reader"))


def test_every_schedule_has_runs_to_come(api: Api) -> None:
    """Beside another release of SQLAlchemy the scheduler made none, and said so in its log only."""

    def scheduled() -> set[str]:
        runs = api.post("/flow_runs/filter", flow_runs={"tags": {"all_": ["auto-scheduled"]}})
        return {run["deployment_id"] for run in runs}

    wanted = {item["id"] for item in api.post("/deployments/filter") if item["schedules"]}
    assert wanted
    until(lambda: wanted <= scheduled(), "a scheduled run")


def test_a_worker_runs_what_is_committed_and_keys_what_it_runs(
    api: Api, project: Project, repository: Repository
) -> None:
    [first] = api.completed(api.start("prices/cloned", queue=HOSTS[0], run=-1))
    [again] = api.completed(api.start("prices/cloned", queue=HOSTS[1], run=-1))
    assert set(results(repository, first["id"]).values()) == {"miss"}
    assert set(results(repository, again["id"]).values()) == {"hit"}, "two clones, the same code"
    project.commit("rates.py", "RATE = 3.0\n")
    [changed] = api.completed(api.start("prices/cloned", queue=HOSTS[1], run=-1))
    assert {row.why for row in rows_of(repository, changed["id"])} == {"code/rates:RATE changed"}


def test_a_worker_killed_in_a_step_delays_the_other_by_the_lease(
    stack: Stack, api: Api, project: Project, repository: Repository
) -> None:
    api.start("holds/cloned", queue=HOSTS[0], number=1)
    journal = stack.folder / "hosts" / HOSTS[0] / "ran"
    until(lambda: journal.exists() and "held" in journal.read_text(), "the step")
    kill_all(stack.folder / "hosts" / HOSTS[0])
    [other] = api.completed(api.start("holds/cloned", queue=HOSTS[1], number=1))
    [version] = repository.versions(step="held")
    assert version.load() == HOSTS[1]
    print(f"the other host was done after {other['total_run_time']:.1f} s")
    stack.start_worker(HOSTS[0])


def test_what_the_runbook_backs_up_is_restored_by_it(
    stack: Stack, retrained: str, tmp_path: Path
) -> None:
    """Onto a new PostgreSQL and another place of the bucket, as the one in use has others' runs."""
    port, new = int(stack.urls["postgresql"].rpartition(":")[2]), free_ports(1)[0]
    passwords = {name: stack.secrets[name] for name in ("prefect", "mlflow")}
    known = tmp_path / "pgpass"
    known.touch(0o600)
    known.write_text("".join(f"127.0.0.1:*:*:{name}:{it}\n" for name, it in passwords.items()))
    environ = {
        **stack.client(),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGPASSFILE": str(known),
    }

    def do(*lines: str, **changed: str) -> str:
        script = "\n".join(lines).replace("/backup/", f"{tmp_path}/")
        command = ["sh", "-e", "-c", script]
        return subprocess.check_output(command, env={**environ, **changed}, text=True)

    counts = [
        "psql -U prefect -d prefect -Atc 'select count(*) from flow_run'",
        "psql -U mlflow -d mlflow -Atc 'select count(*) from model_versions'",
    ]
    backup, restore, *_ = runbook("Back up and restore")
    before = do(*counts)
    do(*backup)
    place = tempfile.TemporaryDirectory(prefix="postgres-")
    with place as folder, Processes(tmp_path / "logs", threading.Event()) as processes:
        Path(folder).chmod(0o711)
        with postgres(processes, Path(folder) / "data", new, passwords):
            restored = [
                line.replace("s3://versioning/", "s3://versioning/new/") for line in restore
            ]
            there = {"PGPORT": str(new), "VERSIONING_REPOSITORY": "s3://versioning/new/repository"}
            assert "All is sound" in do(*restored, **there)
            after = do(*counts, **there)
    assert [int(n) > 0 for n in after.split()] == [True, True]
    # Schedules make runs meanwhile.
    assert int(after.split()[0]) >= int(before.split()[0])


def runbook(section: str) -> list[list[str]]:
    """The blocks of commands in a section of the runbook."""
    text = (Path(infra.stack.__file__).parent / "RUNBOOK.md").read_text()
    lines = text.split(f"## {section}\n")[1].split("\n## ")[0].splitlines()
    groups = groupby(lines, lambda line: line.startswith("    "))
    return [[line.strip() for line in group] for is_code, group in groups if is_code]


@pytest.fixture
def impatient(api: Api) -> Iterator[None]:
    """Runs without a sign of life crash after 15 s, as a person sets it in Prefect's pages."""
    [found] = [item for item in api.post("/automations/filter") if "is gone" in item["name"]]
    fields = {key: found[key] for key in found.keys() - {"id", "created", "updated"}}

    def wait(seconds: float) -> None:
        changed = {**fields, "trigger": {**found["trigger"], "within": seconds}}
        api.http.put(f"/automations/{found['id']}", json=changed).raise_for_status()

    wait(15)
    yield
    wait(found["trigger"]["within"])


def test_a_run_whose_host_is_gone_ends_as_crashed(
    stack: Stack, api: Api, project: Project, impatient: None
) -> None:
    journal = stack.folder / "hosts" / HOSTS[0] / "ran"
    journal.unlink(missing_ok=True)
    run = api.start("holds/cloned", queue=HOSTS[0], number=2)
    until(lambda: journal.exists() and "held" in journal.read_text(), "the step")
    kill_all(stack.folder / "hosts" / HOSTS[0])
    [gone] = api.ended(run)
    assert gone["state_type"] == "CRASHED"
    assert "No sign of life" in gone["state"]["message"]
    stack.start_worker(HOSTS[0])


def kill_all(home: object) -> None:
    """Take a host away: every process of it dies at once."""
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get("STACK") == str(home):
            process.kill()


def test_eight_registrations_at_once_make_one(
    stack: Stack, repository: Repository, api: Api, project: Project
) -> None:
    api.completed(api.start("prices/cloned", run=-2))
    version = next(iter(repository.versions(step="own")))
    start = threading.Barrier(8)

    def register(_: int) -> int:
        start.wait()
        return mlflow.register(version, "raced", uri=stack.urls["mlflow"]).number

    with ThreadPoolExecutor(8) as callers:
        numbers = set(callers.map(register, range(8)))
    found = mlflow.all_registered("raced", uri=stack.urls["mlflow"])
    assert [entry.number for entry in found] == list(numbers)


def test_events_of_versions_start_flows(api: Api, retrained: str) -> None:
    """The flow itself told of a gate that failed; of a budget, an event is sent as a flow would."""

    def fired(name: str) -> bool:
        [automation] = [a for a in api.post("/automations/filter") if a["name"] == name]
        about = {"id": [f"prefect.automation.{automation['id']}"]}
        asked = {"event": {"name": ["prefect.automation.triggered"]}, "resource": about}
        return bool(api.post("/events/filter", filter=asked)["events"])

    until(lambda: fired("versioning: gate failed"), "an automation about a gate")
    budget = {
        "id": str(uuid.uuid4()),
        "event": "versioning.budget",
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": "versioning.repository.s3://versioning/repository"},
        "payload": {"budget": "bytes", "held": 95, "most": 100},
    }
    api.http.post("/events", json=[budget]).raise_for_status()
    chosen = {"deployments": {"name": {"any_": ["prune-now"]}}}
    until(lambda: api.post("/flow_runs/filter", **chosen), "a run of prune")
    api.completed(*[run["id"] for run in api.post("/flow_runs/filter", **chosen)])


def test_runs_at_once_lose_nothing_and_compute_nothing_twice(
    stack: Stack, api: Api, project: Project, repository: Repository
) -> None:
    project.commit("rates.py", "RATE = 5.0\n")
    found = load(stack, api, 4)
    assert found.is_whole, found.states
    assert found.bodies.keys() == expected(4)
    assert found.twice == []
    assert repository.verify().is_sound
