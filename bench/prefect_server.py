"""Prefect's own server, from the registry, beside which weft's Core runs are measured; with its defaults.

It is installed into an environment of its own: it needs other versions of what weft's environment holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import servers
from bench.servers import Server

# Of FastAPI the oldest version that it declares: with the newest of these days it does not start.
PACKAGES = ("prefect==3.8.8", "fastapi==0.139.*")
READY_SECONDS = 180.0


def environment(folder: Path) -> Path:
    """Return the environment that has Prefect, made in *folder* where it is not there yet."""
    if not (folder / "bin" / "prefect").exists():
        subprocess.run(
            ["uv", "venv", "--quiet", "--python", sys.executable, "--allow-existing", folder], check=True
        )
        python = folder / "bin" / "python"
        subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, *PACKAGES], check=True)
    return folder


def versions(folder: Path) -> dict[str, str]:
    """Return the versions of what was installed."""
    names = ("prefect", "fastapi", "uvicorn", "sqlalchemy", "aiosqlite")
    listed = f"{{name: version(name) for name in {names}}}"
    asked = f"import json; from importlib.metadata import version; print(json.dumps({listed}))"
    python = folder / "bin" / "python"
    told = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout
    return {f"{name} (of Prefect's environment)": version for name, version in json.loads(told).items()}


@contextmanager
def prefect(folder: Path, data: Path) -> Iterator[Server]:
    """Serve Prefect's API from an empty *data*: SQLite, no telemetry, nothing sent anywhere."""
    data.mkdir(mode=0o700)
    port = servers.free_port()
    command = [str(folder / "bin" / "python"), "-m", "prefect", "server", "start"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    settings = {
        "PREFECT_HOME": str(data),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
    }
    began = time.monotonic()
    with servers.started(command, data, settings) as process:
        server = Server(port, process.pid, data, 0.0)
        while not _is_ready(server):
            if process.poll() is not None or time.monotonic() - began > READY_SECONDS:
                raise RuntimeError(
                    f"Prefect does not serve; its log: {servers.log_of(data).read_text()[-2000:]}"
                )
            time.sleep(0.2)
        server.ready_seconds = time.monotonic() - began
        yield server


def _is_ready(server: Server) -> bool:
    try:
        status, _, _ = server.call("GET", "/api/health", {})
    except OSError:
        return False
    return status == 200
