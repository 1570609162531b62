"""Adapters in the layout of peft: the base is an input, stored once, and laid with the adapter."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.rerun.projects import Project
from versioning import FormatError, NotFoundError, Repository, Version, adapter
from versioning.adapters import lay_base
from versioning.encoding import file_digest
from versioning.repository import Repository as BaseRepository

pytestmark = pytest.mark.slow
JOB = """
import json, tempfile
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file, save_file
from versioning import adapter

SIZE = 200

def base(seed):
    folder = Path(tempfile.mkdtemp())
    (folder / "config.json").write_text('{"model_type": "tiny"}')
    weight = np.random.default_rng(seed).normal(size=(SIZE, SIZE))
    save_file({"weight": weight.astype("float32")}, folder / "model.safetensors")
    return folder

def tune(base, rank):
    weight = load_file(base / "model.safetensors")["weight"]
    folder = Path(tempfile.mkdtemp())
    save_file({"lora_A.weight": weight[:rank].copy()}, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": rank, "base_model_name_or_path": str(base)}
    # As peft writes it: a set, and a card that names the base.
    config["target_modules"] = list({"q_proj", "v_proj", "k_proj", "o_proj"})
    (folder / "README.md").write_text(f"---\\nbase_model: {base}\\n---\\n")
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return adapter(folder, base)

def weigh(model):
    config = json.loads((model / "adapter_config.json").read_text())
    place = Path(config["base_model_name_or_path"])
    assert json.loads((place / "config.json").read_text()) == {"model_type": "tiny"}
    below = load_file(place / "model.safetensors")
    above = load_file(model / "adapter_model.safetensors")
    return float(below["weight"].sum() + above["lora_A.weight"].sum())
"""
MAIN = """
import json
from runner import run
import job

base = run(job.base, seed=7)
made = [base, *(run(job.tune, base=base, rank=rank) for rank in (2, 3))]
made.append(run(job.weigh, model=made[1]))
print(json.dumps([version.id for version in made]))
"""


def base_named(folder) -> str:
    return json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]


@pytest.fixture
def made(project: Project) -> tuple[Repository, list[Version]]:
    project.write({"job.py": JOB, "main.py": MAIN})
    repository = project.repository
    return repository, [repository.get(name) for name in project.run()]


def test_an_adapter_is_loaded_with_its_base(
    made: tuple[Repository, list[Version]], project: Project
) -> None:
    repository, (base, first, second, weighed) = made
    blobs = {blob.name for version in (base, first, second) for blob in version.record.manifest}
    large = [n for n in blobs if n and repository.store.size(f"blobs/{n}") > 100_000]
    assert len(large) == 1  # stored once
    assert base.id in first.lineage().nodes
    # Whoever runs it again elsewhere has the same: the place of the base is no part of it.
    assert project.versioning("rerun", weighed.id, "--all")[1]["verdict"] == "identical"

    folder = first.load()
    assert file_digest(type(folder)(base_named(folder))) == base.digest
    weight = load_file(f"{base_named(folder)}/model.safetensors")["weight"]
    assert np.array_equal(
        load_file(folder / "adapter_model.safetensors")["lora_A.weight"], weight[:2]
    )
    assert base_named(first.path()) != base_named(folder)  # each in a folder of its own

    out = project.place / "out"
    repository.path(first.record, out)
    assert base_named(out) == f"versioning:{base.digest}"
    assert file_digest(out) == first.digest
    assert f"| adapter of | base `{base.id}` |" in repository.card(first)


def test_an_adapter_is_the_same_in_each_process_and_place(
    made: tuple[Repository, list[Version]], project: Project
) -> None:
    _, (base, first, _, weighed) = made
    assert (first.load() / "README.md").read_text().splitlines()[1] == (
        f"base_model: versioning:{base.digest}"
    )
    for seed in ("1", "2"):
        # Of today, since the recorded one has no seed that could be another.
        made_again = project.versioning("rerun", first.id, "--env", "current", PYTHONHASHSEED=seed)
        assert made_again[1]["verdict"] == "identical"
    # The base that is laid with it is no hidden input.
    assert weighed.record.meta["hidden"] == []


def test_a_base_that_is_no_input_or_gone_is_told(made: tuple[Repository, list[Version]]) -> None:
    repository, (base, first, second, _) = made
    folder = BaseRepository.load(repository, first.record)
    with pytest.raises(NotFoundError, match="let its step receive the base as a parameter"):
        lay_base(repository, base.record, folder)
    for blob in base.record.manifest:
        if blob.name:
            repository.store.delete(f"blobs/{blob.name}")
    with pytest.raises(NotFoundError, match=r"base .* --rebuild"):
        second.load()


def test_what_is_no_adapter_is_refused(project: Project) -> None:
    with pytest.raises(FormatError, match="no configuration of an adapter"):
        adapter(project.folder, project.folder)
