"""`weft up`: what it refuses before anything is opened, and what it tells of a start that failed."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import WEFT, Done, Weft
from weft.cli import up
from weft.cli.errors import Misused
from weft.cli.listening import check_platform
from weft.cli.main import main
from weft.cli.storage import blob_settings
from weft.settings import BlobSettings, Settings

LOCAL_ACCOUNT = "http://127.0.0.1:10000/devstoreaccount1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test", ""])
def test_a_host_beyond_this_machine_is_refused_before_anything_is_made(
    weft: Weft, tmp_path: Path, host: str
) -> None:
    data = tmp_path / "data"

    done = weft("up", "--data", str(data), "--host", host)

    assert (done.code, done.out) == (2, "")
    assert "loopback" in done.err
    assert not data.exists()


@pytest.mark.parametrize("port", ["-1", "65536", "http", "80.5"])
def test_a_port_that_is_none_is_refused(weft: Weft, tmp_path: Path, port: str) -> None:
    done = weft("up", "--data", str(tmp_path / "data"), "--port", port)

    assert (done.code, done.out) == (2, "")
    assert "--port" in done.err


@pytest.mark.parametrize("workload", ["", "module", "module:", ":attr"])
def test_a_workload_that_is_not_named_as_module_and_attribute_is_refused(
    weft: Weft, tmp_path: Path, workload: str
) -> None:
    done = weft("up", "--data", str(tmp_path / "data"), "--workload", workload)

    assert (done.code, done.out) == (2, "")
    assert "MODULE:ATTR" in done.err


def test_a_package_that_is_not_there_is_refused(weft: Weft, tmp_path: Path) -> None:
    done = weft("up", "--data", str(tmp_path / "data"), "--manifest", str(tmp_path / "missing"))

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("weft: --manifest: there is no ")


@pytest.mark.parametrize("mapped", [("A",), ("=B",), ("A=",), ("A=B", "A=C")])
def test_a_mapping_of_item_types_that_is_none_is_refused(
    weft: Weft, tmp_path: Path, mapped: tuple[str, ...]
) -> None:
    options = [word for text in mapped for word in ("--map", text)]

    done = weft("up", "--data", str(tmp_path / "data"), *options)

    assert (done.code, done.out) == (2, "")
    assert f"not {mapped[-1]!r}" in done.err


def test_a_mapping_to_what_no_workload_has_is_refused(tmp_path: Path) -> None:
    done = up_alone("--data", str(tmp_path / "data"), "--port", "0", "--map", "DataPipeline=Org.No.Such/run")

    assert (done.code, done.out) == (2, "")
    assert "Org.No.Such" in done.err.splitlines()[-1]


def test_a_mapping_of_the_command_line_comes_before_that_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Settings] = []
    monkeypatch.setattr(up, "_serve", asked.append)
    (tmp_path / "weft.toml").write_text("[mapped]\nDataPipeline = 'A.B.C/d'\nLakehouse = 'A.B.C/e'\n")

    main(["up", "--data", str(tmp_path), "--map", "DataPipeline=A.B.C/f"])

    assert asked[0].mapped == {"DataPipeline": "A.B.C/f", "Lakehouse": "A.B.C/e"}


@pytest.mark.parametrize("bulk_jobs", ["0", "-1", "1.5"])
def test_no_bulk_jobs_at_once_are_refused(weft: Weft, tmp_path: Path, bulk_jobs: str) -> None:
    done = weft("up", "--data", str(tmp_path / "data"), "--bulk-jobs", bulk_jobs)

    assert (done.code, done.out) == (2, "")
    assert "--bulk-jobs" in done.err


@pytest.mark.parametrize("name", ["missing", "file", "loop"])
def test_a_blob_root_that_is_no_directory_is_refused(weft: Weft, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    done = weft("up", "--data", str(tmp_path / "data"), "--blob-root", str(tmp_path / name))

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"weft: --blob-root {tmp_path / name}")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "host",
    [
        "*",
        "",
        " ",
        "https://*.blob.core.windows.net",
        "acct.blob.core.windows.net",
        "ftp://acct.blob.core.windows.net",
        "https://",
        "https://acct.blob.core.windows.net@evil.test",
        "https://acct.blob.core.windows.net/?sig=secret",
        "https://acct.blob.core.windows.net#x",
        "https://acct.blob.core.windows.net:port",
        "https://[::1",
        "http://acct.blob.core.windows.net",
        "http://127.0.0.1.evil.test:10000/devstoreaccount1",
    ],
)
def test_a_blob_host_that_is_no_storage_account_is_refused(weft: Weft, tmp_path: Path, host: str) -> None:
    done = weft("up", "--data", str(tmp_path / "data"), f"--blob-host={host}")

    assert (done.code, done.out) == (2, "")
    assert "--blob-host" in done.err
    assert "secret" not in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_blobs_are_those_of_the_current_directory_unless_more_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)

    plain = blob_settings(None, None)
    more = blob_settings([Path("link")], ["https://acct.blob.core.windows.net/", LOCAL_ACCOUNT])

    assert plain == BlobSettings(roots=(tmp_path,))
    assert more.roots == (tmp_path,)
    assert more.hosts == ("https://acct.blob.core.windows.net", LOCAL_ACCOUNT)


def test_the_key_of_a_storage_account_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=a;AccountKey=a2V5")

    assert blob_settings(None, None).connection == "AccountName=a;AccountKey=a2V5"


def test_a_connection_string_that_is_none_is_refused_without_being_quoted(
    weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=c2VjcmV0")

    done = weft("up", "--data", str(tmp_path / "data"))

    assert done.code == 2
    assert "connection string" in done.err
    assert "c2VjcmV0" not in done.err


def test_all_that_was_asked_for_reaches_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Settings] = []
    monkeypatch.setattr(up, "_serve", asked.append)

    main(["up", "--data", str(tmp_path), "--tls", "--bulk-jobs", "3", "--strict-relationships"])

    (settings,) = asked
    assert settings.scheme == "https"
    assert (settings.twins.bulk_jobs, settings.twins.strict) == (3, True)


def test_a_workload_that_cannot_be_imported_is_refused_with_the_reason(tmp_path: Path) -> None:
    done = up_alone("--data", str(tmp_path / "data"), "--port", "0", "--workload", "no_such_module:workload")

    assert (done.code, done.out) == (2, "")
    assert "no_such" in done.err.splitlines()[-1]


def test_a_second_server_on_the_same_data_is_refused(served: Path) -> None:
    done = up_alone("--data", str(served), "--port", "0")

    assert (done.code, done.out) == (1, "")
    assert "in use by another server" in done.err.splitlines()[-1]


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = up_alone("--data", str(tmp_path / "data"), "--port", str(port))

    assert (done.code, done.out) == (1, "")
    assert done.err == f"weft: port {port} is in use by another program; choose one with --port\n"


def test_other_platforms_are_refused() -> None:
    with pytest.raises(Misused, match="Linux only, and this is darwin"):
        check_platform("darwin")


def up_alone(*options: str) -> Done:
    """Run `weft up` in a process of its own: it makes its process the keeper of orphans, and its log."""
    done = subprocess.run([WEFT, "up", *options], capture_output=True, text=True, timeout=60, check=False)
    return Done(done.returncode, done.stdout, done.stderr)
