"""Digests that never change, in this process and in others."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
DIGESTS = runpy.run_path(str(GOLDEN / "rewrite.py"))["digests"]
KNOWN = json.loads((GOLDEN / "keys.json").read_text("utf-8"))["values"]


def test_every_known_value_keeps_its_digest():
    assert DIGESTS() == KNOWN


def test_no_two_known_values_share_a_digest():
    assert len(set(KNOWN.values())) == len(KNOWN)


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_another_process_with_another_hash_seed_agrees(seed):
    program = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['digests']()))"
    root = str(GOLDEN.parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program, str(GOLDEN / "rewrite.py")],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == KNOWN
