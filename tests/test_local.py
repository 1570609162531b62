"""The command behind `make ui`: what goes wrong on the way, and how it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml

from flows.audit import audit
from flows.prune import prune
from flows.rerun import rerun
from flows.retrain import retrain
from flows.verify import verify
from infra.deployments import FILE
from infra.local import Running, _tell
from infra.processes import NotStartedError, check_free, free_ports
from tests.local import read_until, started


def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        process = started(tmp_path, [taken, *free_ports(1)])
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"port {taken} is taken" in said
    assert f"make ui PORT={taken + 100}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_there_is_not_is_refused(port: int) -> None:
    with pytest.raises(NotStartedError, match=f"there is no port {port}"):
        check_free(port, "choose another")


def test_what_it_prints_leads_a_shell_to_its_programs(capsys: pytest.CaptureFixture[str]) -> None:
    up = Running("http://here", None, {"PREFECT_API_URL": "http://a b/api"}, lambda: None)
    _tell(up, Path("folder"))
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if line.startswith("  export")]
    assert said.index(lines[-1]) < said.index("prefect deployment run")
    asked = "\n".join([*lines, "command -v prefect", 'echo "$PREFECT_API_URL"'])
    bare = {"PATH": "/usr/bin:/bin"}
    found = subprocess.run(
        ["sh", "-c", asked], check=True, capture_output=True, text=True, env=bare
    )
    program = Path(sys.executable).with_name("prefect")
    assert found.stdout.splitlines() == [str(program), "http://a b/api"]


def running_below(folder: Path) -> list[str]:
    """Commands of the processes that write to a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        if (process.info["environ"] or {}).get("UI_LOGS") == str(folder / "logs"):
            found.append(" ".join(process.info["cmdline"] or ()))
    return found


@pytest.mark.slow
def test_ctrl_c_while_it_starts_ends_what_had_started(tmp_path: Path) -> None:
    process = started(tmp_path, free_ports(2))
    read_until(process, "starting the Prefect server")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert running_below(tmp_path) == []


@pytest.mark.slow
def test_a_server_that_dies_ends_the_rest_and_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "nonsense://")
    process = started(tmp_path, free_ports(2))
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 1
    assert "prefect-server did not start; see" in said
    assert (tmp_path / "logs" / "prefect-server.log").stat().st_size > 0
    assert running_below(tmp_path) == []


def test_deployments_name_flows_and_parameters_that_are_there() -> None:
    flows = {f"flows.{f.name}.{f.name}": f for f in (audit, retrain, prune, verify, rerun)}
    described = yaml.safe_load(FILE.read_text("utf-8"))["deployments"]
    assert {item["entrypoint"] for item in described} == flows.keys()
    for item in described:
        known = flows[item["entrypoint"]].parameters.properties
        assert item.get("parameters", {}).keys() <= known.keys()
        for name, facts in known.items():
            assert facts.get("description"), f"{item['entrypoint']}: {name} is not explained"
    assert len({item["name"] for item in described}) == len(described)
