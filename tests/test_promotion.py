"""The production model: what a name names, who said so, what gates said, and how to go back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.repositories import LARGE, resealed
from tests.steps import blob_path, commit, opened, overwrite
from versioning import layout
from versioning.api import Repository
from versioning.cli.app import run
from versioning.errors import FormatError, IntegrityError, NotFoundError, RefusedError
from versioning.expiry import Cause, Expiry
from versioning.handles import Version
from versioning.retention import Policy
from versioning.trust import remember

NAME = "delays@champion"
Ask = Callable[..., Any]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = opened(tmp_path)
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(repository.settings.cache))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return repository


def judge(
    repository: Repository,
    model: Version,
    *,
    passed: bool | None = True,
    auc: float = 0.7,
    minute: int = 0,
    **more: Any,
) -> Version:
    """What a flow records when it evaluates a model."""
    gate = {"gate": "auc at least 0.6", "concern": "performance", "passed": passed}
    document = {"metrics": {"auc": auc}, "gates": [{**gate, "reason": f"{auc:.4f}"}], **more}
    return commit(repository, document, "evaluation", reads={"model": model}, minute=minute, n=auc)


def train(repository: Repository, week: int, **facts: Any) -> Version:
    """A model of all weeks so far, and its evaluation."""
    weeks = [commit(repository, {"week": n}, "week", n=n, minute=n) for n in range(week + 1)]
    reads = {f"tables[{n}]": version for n, version in enumerate(weeks)}
    model = commit(repository, LARGE + bytes([week]), "train", reads=reads, minute=week)
    judge(repository, model, minute=week, auc=0.7 + week / 100, **facts)
    return model


@pytest.fixture
def models(repository: Repository) -> list[Version]:
    return [train(repository, week) for week in range(3)]


def cause(moment: datetime = datetime(2026, 1, 9, tzinfo=UTC)) -> Cause:
    return Cause("plan", "rule", "tests", moment)


def test_a_name_names_what_was_promoted_last(repository: Repository, models: list[Version]) -> None:
    first = repository.promote(models[0], NAME)
    second = repository.promote(models[1], NAME, reason="a better one")
    assert (first.before, first.position, first.is_new) == (None, 0, True)
    assert (second.before, second.position) == (models[0].id, 1)
    assert repository.get(NAME) == models[1]
    entry = repository.name_history("delays")[1]
    assert entry["reason"] == "a better one"
    assert entry["gates"] == "1 of 1 gates passed"
    assert "@" in entry["by"]


def test_promoting_twice_says_it_once(repository: Repository, models: list[Version]) -> None:
    repository.promote(models[0], NAME)
    again = repository.promote(models[0], NAME)
    assert not again.is_new
    assert len(repository.name_history("delays")) == 1


def test_of_many_who_promote_at_once_each_is_in_the_history(
    repository: Repository, models: list[Version]
) -> None:
    barrier = threading.Barrier(6)

    def promote(n: int) -> None:
        barrier.wait()
        repository.promote(models[n % 3], f"delays@alias{n}")

    threads = [threading.Thread(target=promote, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = repository.name_history("delays")
    assert sorted(entry["alias"] for entry in history) == [f"alias{n}" for n in range(6)]
    assert [entry["after"] for entry in history[1:]] == [entry["seal"] for entry in history[:-1]]
    assert repository.verify().is_sound


def test_a_model_that_failed_a_gate_is_refused(repository: Repository) -> None:
    model = train(repository, 0, passed=False)
    with pytest.raises(RefusedError, match=r"0 of 1 gates passed, failed: auc at least 0\.6"):
        repository.promote(model, NAME)
    assert repository.name_history("delays") == []


def test_a_model_that_nobody_judged_is_refused(repository: Repository) -> None:
    model = commit(repository, 1, "train")
    with pytest.raises(RefusedError, match="no evaluation of it is recorded"):
        repository.promote(model, NAME)


def test_a_gate_with_nothing_to_judge_does_not_fail(repository: Repository) -> None:
    model = train(repository, 0, passed=None)
    assert repository.promote(model, NAME).facts["gates"] == "no gate had anything to judge"


def test_force_needs_a_reason_and_is_remembered(repository: Repository) -> None:
    model = train(repository, 0, passed=False)
    with pytest.raises(FormatError, match="--reason"):
        repository.promote(model, NAME, force=True, reason="  ")
    repository.promote(model, NAME, force=True, reason="the gate is wrong")
    [entry] = repository.name_history("delays")
    assert (entry["forced"], entry["reason"]) == (True, "the gate is wrong")


def test_the_newest_evaluation_counts(repository: Repository) -> None:
    model = train(repository, 0, passed=False)
    judge(repository, model, minute=5, auc=0.8)
    assert not repository.promote(model, NAME).facts["forced"]


def test_an_evaluation_that_only_compares_with_a_model_is_not_of_it(
    repository: Repository,
) -> None:
    old, new = commit(repository, 1, "train"), commit(repository, 2, "train", n=2)
    document = {"metrics": {}, "gates": []}
    commit(repository, document, "evaluation", reads={"model": new, "rival": old})
    assert repository.evaluations(old) == []
    assert len(repository.evaluations(new)) == 1


@pytest.mark.parametrize("value", [3, {"metrics": 1, "gates": 2}, {"gates": [{}], "metrics": {}}])
def test_a_step_of_that_name_that_says_something_else_is_no_evaluation(
    repository: Repository, value: Any
) -> None:
    model = commit(repository, 1, "train")
    commit(repository, value, "evaluation", reads={"model": model})
    assert repository.evaluations(model) == []


@pytest.mark.parametrize(
    "name",
    [
        "delays",
        "delays@",
        "@champion",
        "delays@latest",
        "delays@v3",
        "delays@V12",
        "delays@a b",
        "delays@a@b",
        "de/lays@champion",
        "../x@champion",
        "delays@" + "x" * 200,
    ],
)
def test_names_and_aliases_that_mlflow_would_not_take_are_refused(
    repository: Repository, models: list[Version], name: str
) -> None:
    with pytest.raises(FormatError):
        repository.promote(models[0], name)
    assert repository.names() == set()


def test_a_version_whose_bytes_are_gone_is_refused(
    repository: Repository, models: list[Version]
) -> None:
    blob_path(repository, models[0]).unlink()
    with pytest.raises(NotFoundError, match="gone: run its step again"):
        repository.promote(models[0], NAME, force=True, reason="all the same")


def test_a_version_whose_bytes_are_wrong_is_refused(
    repository: Repository, models: list[Version]
) -> None:
    path = blob_path(repository, models[0])
    overwrite(path, b"x" * path.stat().st_size)
    with pytest.raises(IntegrityError, match="is corrupt"):
        repository.promote(models[0], NAME, force=True, reason="all the same")


def test_a_version_in_the_trash_is_refused(repository: Repository, models: list[Version]) -> None:
    Expiry(repository).trash(models[0].id, cause())
    undo = f"is trashed: bring it back with `versioning undo {cause().plan}`"
    with pytest.raises(NotFoundError, match=undo):
        repository.promote(models[0], NAME)
    of = Expiry(repository).of(models[0].id[:2])
    assert Expiry(repository).erase_all(of, [models[0].id], cause())
    with pytest.raises(NotFoundError, match="is expired: run its step again"):
        repository.promote(models[0], NAME)


def test_what_is_named_while_it_expires_comes_back(
    repository: Repository, models: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Repository.add_name

    def expired_meanwhile(self: Repository, *args: Any) -> bool:
        Expiry(self).trash(models[0].id, cause())
        return append(self, *args)

    monkeypatch.setattr(Repository, "add_name", expired_meanwhile)
    repository.promote(models[0], NAME)
    assert not Expiry(repository).is_over(models[0].id)
    assert repository.lookup(models[0].key) is not None


def test_retention_keeps_what_is_named_with_inputs_and_evaluation(
    repository: Repository,
) -> None:
    data = commit(repository, LARGE, "load")
    models = [
        commit(repository, LARGE + bytes([n]), "train", reads={"flights": data}, n=n, minute=n)
        for n in range(3)
    ]
    judged = judge(repository, models[0], passed=True)
    repository.promote(models[0], NAME)
    policy = Policy.of(
        {
            "min_age": "0s",
            "keep_lineage": "inputs",
            "rules": [{"step": "nothing", "keep_last": 1}, {"keep_last": 1}],
        },
        "test",
    )
    plan = repository.plan_prune(policy)
    assert {decision.candidate.id for decision in plan.expire} == {models[1].id}
    repository.prune(plan)
    assert judged.load()["metrics"] == {"auc": 0.7}
    assert repository.get(NAME).load() == models[0].load()


def test_an_entry_that_was_replaced_breaks_the_chain(
    repository: Repository, models: list[Version]
) -> None:
    for model in models:
        repository.promote(model, NAME)
    assert repository.verify().is_sound
    name = layout.name_entry("delays", 1)
    repository.store.put(name, resealed(repository.store.get(name), version=models[2].id))
    [damage] = repository.verify().damaged
    assert damage.blob == layout.name_entry("delays", 2)
    assert "followed another entry" in damage.reason


def test_rollback_suggests_the_newest_that_nothing_speaks_against(
    repository: Repository, models: list[Version]
) -> None:
    for model in models:
        repository.promote(model, NAME)
    advice = repository.advise_rollback("delays")
    assert advice.current == models[2].id
    assert advice.suggested is not None
    assert advice.suggested.id == models[1].id
    assert list(advice.suspects.values()) == ["week"]
    assert advice.suggested.metrics == {"auc": 0.71}
    assert "its bytes are whole" in advice.suggested.told


def test_rollback_goes_back_to_nothing_that_was_made_from_what_is_suspect(
    repository: Repository, models: list[Version]
) -> None:
    for model in models:
        repository.promote(model, NAME)
    first, second = (read.id for read in models[1].record.inputs)
    advice = repository.advise_rollback("delays", suspects=[second])
    assert advice.suggested is not None
    assert advice.suggested.id == models[0].id
    [bad] = [former for former in advice.formers if former.id == models[1].id]
    assert "is suspect" in bad.against[0]
    assert repository.advise_rollback("delays", suspects=[first]).suggested is None


def test_rollback_passes_over_what_is_lost_failed_or_not_reproducible(
    repository: Repository,
) -> None:
    models = [train(repository, week, passed=week != 2) for week in range(5)]
    for model in models:
        repository.promote(model, NAME, force=True, reason="a drill")
    blob_path(repository, models[3]).unlink()
    advice = repository.advise_rollback("delays")
    assert advice.suggested is not None
    assert advice.suggested.id == models[1].id
    against = {former.id: former.against for former in advice.formers}
    assert "gone" in against[models[3].id][0]
    assert "0 of 1 gates passed" in against[models[2].id][0]
    assert against[models[0].id] == ()


def test_rollback_goes_back_to_nothing_that_is_invalid_or_was_made_from_it(
    repository: Repository,
) -> None:
    models = [train(repository, week) for week in range(4)]
    for model in models:
        repository.promote(model, NAME)
    week = models[1].record.inputs[1].id
    repository.invalidate(week, reason="poisoned", apply=True)
    repository.invalidate(models[2], reason="a bug", apply=True)
    advice = repository.advise_rollback("delays")
    assert advice.suggested is not None
    assert advice.suggested.id == models[0].id
    against = {former.id: former.against for former in advice.formers}
    assert "is invalid (a bug)" in against[models[2].id][0]
    assert f"made from week {week[:12]}, which is invalid (poisoned)" in against[models[1].id][-1]


def test_a_version_that_is_invalid_is_refused(
    repository: Repository, models: list[Version]
) -> None:
    repository.invalidate(models[0], reason="poisoned", apply=True)
    with pytest.raises(RefusedError, match=r"is invalid \(poisoned\)"):
        repository.promote(models[0], NAME, force=True, reason="all the same")


def test_rollback_never_suggests_what_was_gone_back_from(
    repository: Repository, models: list[Version]
) -> None:
    first, second, _ = models
    for model in (first, second):
        repository.promote(model, NAME)
    done = repository.rollback(NAME, first, reason="bad week")
    assert (done.before, done.version) == (second.id, first.id)
    advice = repository.advise_rollback(NAME)
    assert advice.suggested is None
    assert f"was gone back from: rollback from {second.id[:12]}: bad week" in "".join(
        advice.formers[0].against
    )
    repository.promote(second, NAME, reason="it was the sensor")
    repository.promote(first, NAME)
    assert repository.advise_rollback(NAME).suggested is not None


def test_rollback_tells_what_audits_found(repository: Repository, models: list[Version]) -> None:
    for model in models:
        repository.promote(model, NAME)
    remember(repository, models[1].record, models[2].record, now=datetime.now(UTC))
    [first, *_] = repository.advise_rollback("delays").formers
    assert "audits: not reproducible" in first.doubts
    assert first.is_fit


def test_what_nobody_judged_does_not_speak_for_a_version(
    repository: Repository, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(2):
        model = commit(repository, {"n": n}, "train", n=n)
        repository.promote(model, NAME, force=True, reason="a drill")
    [former] = repository.advise_rollback("delays").formers
    assert former.doubts == ("nobody judged it", "audits: unknown")
    assert former.told == (
        "its bytes are whole",
        "it was made from nothing that is suspect or invalid",
    )
    assert former.is_fit
    assert ask("rollback", "delays")["candidates"][0]["doubts"][0] == "nobody judged it"
    assert run(["rollback", "delays"]) == 0
    told = capsys.readouterr().out.splitlines()
    [head] = [line for line in told if "against it" in line]
    [row] = [line for line in told if "nobody judged it" in line]
    assert row.index("nobody judged it") == head.index("against it")


def test_rollback_of_a_name_that_named_one_version_says_so(
    repository: Repository, models: list[Version]
) -> None:
    with pytest.raises(NotFoundError, match="never named anything;"):
        repository.advise_rollback("delays")
    repository.promote(models[0], NAME)
    with pytest.raises(NotFoundError, match="anything but"):
        repository.advise_rollback("delays")


@pytest.fixture
def ask(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Ask:
    def asked(*arguments: str, code: int = 0) -> Any:
        found = run([*arguments, "--json"])
        out, err = capsys.readouterr()
        assert found == code, err
        return json.loads(out) if out else err

    return asked


def test_by_command_a_name_is_given_and_taken_back(models: list[Version], ask: Ask) -> None:
    here = "--no-registry"
    for model in models:
        given = ask("promote", model.id, NAME, "--reason", "weekly", here)
    assert given["before"] == models[1].id
    assert given["registry"] is None
    assert ask("rollback", "delays", here)["suggested"] == models[1].id
    assert ask("show", NAME)["id"] == models[2].id
    back = ask("rollback", "delays", "--apply", "--reason", "bad week", here)
    assert back["applied"]
    assert ask("show", NAME)["id"] == models[1].id
    history = ask("history", "delays")
    assert history["entries"][-1]["reason"] == f"rollback from {models[2].id[:12]}: bad week"
    when = datetime.fromisoformat(history["entries"][1]["at"]) + timedelta(microseconds=1)
    then = ask("history", NAME, "--at", when.isoformat())
    assert then["aliases"] == {"champion": models[1].id}


def test_by_command_a_refusal_exits_with_one_and_names_nothing(
    repository: Repository, ask: Ask
) -> None:
    model = train(repository, 0, passed=False)
    assert "--force" in ask("promote", model.id, NAME, "--no-registry", code=1)
    assert "--reason" in ask("promote", model.id, NAME, "--force", "--no-registry", code=2)
    assert "latest" in ask("promote", model.id, "delays@latest", "--no-registry", code=2)
    assert repository.names() == set()
    assert ask("promote", model.id, NAME, "--force", "--reason", "x", "--no-registry")["forced"]


def test_by_command_no_fit_version_exits_with_one(models: list[Version], ask: Ask) -> None:
    for model in models[:2]:
        ask("promote", model.id, NAME, "--no-registry")
    week = models[0].record.inputs[0].id
    told = ask("rollback", "delays", "--suspect", week, "--apply", "--no-registry", code=1)
    assert told["suggested"] is None
    assert not told["applied"]
    assert ask("show", NAME)["id"] == models[1].id
