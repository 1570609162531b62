"""Seeds, threads and kernels for a body; and who is told that it has no seed."""

from __future__ import annotations

import os
import random
import threading
from importlib import import_module
from pathlib import Path

import google
import numpy as np
import pytest
from prefect import flow
from websockets.sync.client import connect
from websockets.sync.server import serve

from tests.surface import drawing
from versioning import FormatError, Repository, deterministic, lightgbm_parameters
from versioning.cli.app import run as command
from versioning.hidden.generators import may_draw


def drawn() -> tuple[float, float]:
    return random.random(), float(np.random.rand())


def test_a_seed_makes_chance_the_same_and_leaves_the_generators_as_they_were() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    with deterministic(7):
        first = drawn()
    with pytest.raises(ZeroDivisionError), deterministic(7):  # noqa: PT012 - draws, then fails
        assert drawn() == first
        raise ZeroDivisionError
    with deterministic(8):
        assert drawn() != first
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_what_talks_to_servers_beside_a_body_draws_from_a_generator_of_its_own() -> None:
    """Prefect's connection for events pings every 20 seconds, each time with a random number."""
    with deterministic(7):
        first = drawn()
    with serve(list, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever).start()
        port = server.socket.getsockname()[1]
        with connect(f"ws://127.0.0.1:{port}") as connection, deterministic(7):
            assert connection.ping().wait(30)
            assert drawn() == first
        server.shutdown()


def test_functions_of_the_shared_generator_are_replaced_there_too() -> None:
    """Dask samples what it compresses by `from random import randint`."""
    from distributed.protocol import compression

    with deterministic(7):
        first = drawn()
    with deterministic(7):
        compression.randint(0, 10)
        assert drawn() == first


def test_a_module_of_the_project_in_the_namespace_of_such_a_library_is_seeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "google" / "ours"
    folder.mkdir(parents=True)
    folder.joinpath("training.py").write_text(
        "import random\nfrom random import randint\n"
        "def draw():\n    return random.random(), randint(0, 10**9)\n"
    )
    monkeypatch.setattr(google, "__path__", [*google.__path__, str(tmp_path / "google")])
    training = import_module("google.ours.training")
    drawings = []
    for _ in range(2):
        with deterministic(7):
            drawings.append(training.draw())
    assert drawings[0] == drawings[1]


def test_threads_are_limited_inside() -> None:
    import threadpoolctl

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}

    before = threads()
    with deterministic(7, threads=1):
        assert threads() == {1}
    assert threads() == before


def test_torch_is_deterministic_inside_and_as_before_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with deterministic(7):
        first = torch.rand(3)
        assert torch.are_deterministic_algorithms_enabled()
        assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == (True, False)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert torch.get_num_threads() == 1
    with deterministic(7):
        assert torch.equal(torch.rand(3), first)
    assert not torch.are_deterministic_algorithms_enabled()
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_lightgbm_grows_the_same_trees_on_the_same_threads() -> None:
    import lightgbm

    generator = np.random.default_rng(0)
    rows = generator.normal(size=(4000, 12))
    parameters = lightgbm_parameters(7, threads=2) | {"bagging_fraction": 0.5, "bagging_freq": 1}

    def trees() -> str:
        data = lightgbm.Dataset(rows, rows[:, 0] > rows[:, 1])
        return lightgbm.train({"verbose": -1, **parameters}, data, 10).model_to_string()

    assert trees() == trees()


@pytest.mark.parametrize(("seed", "threads"), [(-1, 1), (2**32, 1), (True, 1), (7, 0), (1.5, 1)])
def test_what_is_no_seed_or_no_number_of_threads_is_refused(seed: int, threads: int) -> None:
    with pytest.raises(FormatError, match="choose one"), deterministic(seed, threads=threads):
        raise AssertionError


def test_what_was_pinned_is_recorded_and_shown_and_no_hidden_chance(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    version = flow(lambda: drawing.seeded(seed=11), name="plain")()
    assert version.record.meta["determinism"]["seed"] == 11
    assert version.record.meta["determinism"]["threads"] == 1
    assert version.record.meta["hidden"] == []
    assert command(["show", version.id, "--repository", repository.url]) == 0
    assert "seed 11, 1 threads, of python, numpy" in " ".join(capsys.readouterr().out.split())


def test_a_step_without_a_seed_that_draws_is_named(
    repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    flow(lambda: [drawing.unseeded(3), drawing.ignores_its_seed(seed=3)], name="plain")()
    (line, other) = [r.getMessage() for r in caplog.records if "cannot see" in r.getMessage()]
    assert "unseeded has no parameter that is a seed" in line
    assert "with deterministic(seed)" in line
    assert "no parameter that is a seed" not in other


def test_of_steps_that_run_at_once_those_whose_code_draws_are_told(repository: Repository) -> None:
    """The shared generator does not tell whose draw it was."""
    both = threading.Barrier(2)
    calls = [
        drawing.unseeded.step.call(repository, {"count": 3}),
        drawing.summed.step.call(repository, {"numbers": [1.0]}),
    ]

    def run(call, draw) -> None:
        with call.watching([]):
            both.wait(30)
            draw()
            both.wait(30)

    threads = [
        threading.Thread(target=run, args=(call, draw))
        for call, draw in zip(calls, (lambda: np.random.rand(3), int), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[read.what for read in call.hidden] for call in calls] == [
        ["the shared generator of numpy.random"],
        [],
    ]


def names_draws(function) -> bool:
    return may_draw(function.__code__, function.__globals__, "numpy.random")


def test_code_that_draws_is_told_from_code_that_has_a_seed() -> None:
    # Code that imports a library is judged by it once it is loaded.
    import_module("sklearn.ensemble")
    assert names_draws(drawing.unseeded.step.function)
    assert names_draws(drawing.forest)
    assert not names_draws(drawing.of_its_own)
    assert not names_draws(drawing.given)
    assert not names_draws(drawing.seeded_forest)
    assert not names_draws(drawing.plain)
