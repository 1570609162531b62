"""What people see of a run: one table artifact, one event a version, one run record."""

from __future__ import annotations

import io

import orjson
import pytest
from prefect import Task, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun
from rich.console import Console

from tests.surface import steps
from tests.test_promotion import train
from versioning import Repository
from versioning.integrations.prefect import run_table, show_card


@flow
def pipeline(by: int = 2) -> str:
    from prefect.runtime import flow_run

    steps.double(steps.numbers(), by=by)
    return str(flow_run.id)


def _artifacts(run_id: str) -> list[dict]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    with get_client(sync_client=True) as client:
        return client.request("POST", "/artifacts/filter", json=wanted).json()


def test_a_run_has_one_table_that_says_why() -> None:
    pipeline()
    run_id = pipeline(by=3)
    (artifact,) = _artifacts(run_id)
    rows = orjson.loads(artifact["data"])
    assert [(row["step"], row["result"], row["why"]) for row in rows] == [
        ("numbers", "hit", "unchanged"),
        ("double", "miss", "params/by 2 -> 3"),
    ]
    assert "1 reused, 1 computed" in artifact["description"]


def test_a_card_links_that_of_the_champion_it_was_judged_beside(repository: Repository) -> None:
    before = train(repository, 0)
    after = train(repository, 1, against=before.id, rival={"auc": 0.7})

    @flow
    def shows(model: str) -> str:
        from prefect.runtime import flow_run

        show_card(repository.get(model), "delays")
        return str(flow_run.id)

    [first] = _artifacts(shows(before.id))
    [second] = _artifacts(shows(after.id))
    link = f"/artifacts/artifact/{first['id']})"
    assert f"champion then, [{before.id[:12]}](" in second["data"]
    assert link in second["data"]


def test_the_table_can_be_read_later() -> None:
    run_id = pipeline()
    table = run_table(run_id)
    assert [(row.step, row.status, row.why) for row in table.rows] == [
        ("numbers", "miss", "first version"),
        ("double", "miss", "first version"),
    ]
    assert run_table().run == run_id


def test_mapped_items_share_a_line() -> None:
    @flow
    def mapped() -> None:
        steps.double.map([[1], [2], [3]]).wait()

    mapped()
    (line,) = run_table().cells()
    assert line["result"] == "miss x3"


def test_each_version_has_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, dict]] = []
    from versioning.integrations.prefect import notices

    monkeypatch.setattr(
        notices, "emit_event", lambda **event: sent.append((event["event"], event["payload"]))
    )
    pipeline()
    pipeline()
    assert [event for event, _ in sent] == ["versioning.committed"] * 2 + ["versioning.reused"] * 2
    assert all(len(payload["version"]) == 32 for _, payload in sent)


def test_a_failed_run_reports_what_it_made() -> None:
    @flow
    def failing() -> None:
        steps.numbers()
        raise RuntimeError("after the first step")

    with pytest.raises(RuntimeError):
        failing()
    assert [row.step for row in run_table().rows] == ["numbers"]


def test_items_of_a_list_are_told_of_together() -> None:
    @flow
    def totals(numbers: list[int]) -> None:
        steps.total([steps.double([number]) for number in numbers])

    totals([1, 2, 3])
    totals([4, 5, 6])
    assert run_table().rows[-1].why == "inputs/parts x3 changed"
    totals([4, 5, 6, 7])
    assert run_table().rows[-1].why == "inputs/parts[3] new"


def test_the_table_fits_a_narrow_terminal() -> None:
    pipeline()
    run_id = pipeline(by=3)
    console = Console(width=80, file=io.StringIO())
    console.print(run_table(run_id).rich())
    lines = console.file.getvalue().splitlines()
    assert any("params/by 2 -> 3" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_edges_run_between_steps_that_read_each_other_and_no_others() -> None:
    read: dict[str, set[str]] = {}

    def remember(task: Task, run: TaskRun, state: State) -> None:
        inputs = (item for items in run.task_inputs.values() for item in items)
        read[str(run.id)] = {str(item.id) for item in inputs}

    double = steps.double.with_options(on_completion=[remember])
    total = steps.total.with_options(on_completion=[remember])

    @flow
    def forked() -> None:
        numbers = steps.numbers()
        total([double(numbers), double(numbers, by=3)])

    forked()
    numbers, left, right, whole = (row.task_run for row in run_table().rows)
    assert read == {left: {numbers}, right: {numbers}, whole: {left, right}}
