"""What describes the deployment without running here: images, Compose, policies, scripts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.stack import ROLES

INFRA = Path(__file__).parent.parent / "infra"
COMPOSE = yaml.safe_load((INFRA / "compose.yaml").read_text())


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is in the group `test`"
    return found


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    chosen = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environ}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=chosen)


def test_the_dockerfile_is_linted() -> None:
    done = run(tool("hadolint"), str(INFRA / "Dockerfile"))
    assert done.returncode == 0, done.stdout


def test_compose_is_as_its_schema_says() -> None:
    file = str(INFRA / "compose.yaml")
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", file)
    assert done.returncode == 0, done.stdout


def test_compose_names_what_there_is(tmp_path: Path) -> None:
    services = COMPOSE["services"]
    script = str(INFRA / "compose" / "secrets.sh")
    assert run("sh", script, str(tmp_path)).returncode == 0
    made = {path.name for path in tmp_path.iterdir()}
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= services.keys(), name
        named = [v for v in str(service.get("environment", {})).split("'") if "/run/secrets/" in v]
        assert {Path(v).name for v in named} <= set(service.get("secrets", [])), name
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys(), name
    assert {Path(item["file"]).name for item in COMPOSE["secrets"].values()} <= made


def test_no_container_runs_as_root_and_each_server_is_watched() -> None:
    last = (INFRA / "Dockerfile").read_text().split("FROM ")[-1]
    assert "USER 1001:1001" in last.split("COPY")[-1]
    once = {"bucket", "database", "deployments"}
    for name, service in COMPOSE["services"].items():
        ours = service["image"].startswith("prefect-versioning:")
        assert ours or service["user"] not in {"0", "root"}, name
        assert name in once | {"prefect-services"} or "healthcheck" in service, name


def test_secrets_are_made_once_and_the_entrypoint_reads_them(tmp_path: Path) -> None:
    script = str(INFRA / "compose" / "secrets.sh")
    run("sh", script, str(tmp_path))
    first = {path.name: path.read_text() for path in tmp_path.iterdir()}
    run("sh", script, str(tmp_path))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == first
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    identities = json.loads(first["s3.json"])["identities"]
    assert {item["name"]: tuple(item["actions"]) for item in identities} == ROLES
    entrypoint = ("sh", str(INFRA / "compose" / "entrypoint.sh"))
    given = {"SECRETS": str(tmp_path), "A_FILE": str(tmp_path / "redis"), "TOKEN_FILE": "/token"}
    said = run(*entrypoint, "sh", "-c", 'echo "$A ${A_FILE-} $TOKEN_FILE"', **given)
    assert said.stdout.split() == [first["redis"], "/token"]
    temporary = tmp_path / "volume" / "tmp"
    assert run(*entrypoint, "test", "-d", str(temporary), TMPDIR=str(temporary)).returncode == 0
    wrong = run(*entrypoint, "true", SECRETS=str(tmp_path), A_FILE=str(tmp_path / "nothing"))
    assert wrong.returncode == 2
    assert "cannot be read: run infra/compose/secrets.sh" in wrong.stderr


@pytest.mark.parametrize("role", ["reader", "writer", "collector"])
def test_policies_allow_what_a_role_needs_and_deny_the_rest(role: str) -> None:
    policy = json.loads((INFRA / "policies" / f"{role}.json").read_text())
    allowed = {a for s in policy["Statement"] if s["Effect"] == "Allow" for a in s["Action"]}
    assert {"s3:GetObject", "s3:ListBucket"} <= allowed
    assert ("s3:PutObject" in allowed) == (role != "reader")
    assert ("s3:DeleteObject" in allowed) == (role != "reader")
    assert not any("*" in action for action in allowed)
