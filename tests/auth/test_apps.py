"""Registered apps: what is kept of them, who may not be one, and changes from several sides."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from tests.auth.conftest import CUSTOMER
from weft.auth import apps as apps_module
from weft.auth import registers
from weft.auth.apps import AppRefused, Apps, audiences_of, secret_fits
from weft.auth.errors import DataRefused
from weft.auth.issuer import app_object_id
from weft.auth.private_files import private_directory
from weft.auth.subject_and_app import FABRIC_APP, FABRIC_CLIENT_FOR_WORKLOADS, resource_id

TENANT = CUSTOMER
CLIENT = "7b0f6b8e-2f0a-4b43-9a3c-0d1e2f3a4b5c"


@pytest.fixture
def apps(tmp_path: Path) -> Apps:
    return Apps(private_directory(tmp_path / "data"), TENANT)


def test_a_secret_is_given_once_and_kept_as_a_hash(apps: Apps, tmp_path: Path) -> None:
    made, secret = apps.create("sync")

    kept = tmp_path / "data" / "apps.json"
    assert secret not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert secret_fits(apps.find(made.client_id), secret)
    assert len(secret) >= 43


def test_no_other_secret_fits(apps: Apps) -> None:
    made, secret = apps.create("sync")
    _, other = apps.create("other")

    assert not secret_fits(made, other)
    assert not secret_fits(made, secret[:-1])
    assert not secret_fits(made, "")
    assert not secret_fits(made, "\udc80")
    assert not secret_fits(None, secret)


def test_an_app_is_the_one_that_tokens_are_made_for_by_name(apps: Apps) -> None:
    made, _ = apps.create("sync")

    assert made.object_id == app_object_id(TENANT, "sync")
    assert made.client_id == app_object_id(TENANT, "client/sync")


def test_the_app_of_a_workload_has_its_audience(apps: Apps) -> None:
    made, _ = apps.create(
        "backend", workload="Contoso.X", resource="api://contoso.example/x", client_id=CLIENT
    )

    audiences = (CLIENT, f"api://{CLIENT}", resource_id(TENANT, "Contoso.X"), "api://contoso.example/x")
    assert audiences_of(made) == audiences
    assert [apps.of_resource(audience) for audience in audiences] == [made] * 4
    assert apps.of_resource("api://contoso.example") is None


def test_a_client_id_is_found_in_any_case(apps: Apps) -> None:
    made, _ = apps.create("sync", client_id=CLIENT.upper())

    assert made.client_id == CLIENT
    assert apps.find(CLIENT.upper()) == made


@pytest.mark.parametrize("client_id", [FABRIC_APP, FABRIC_CLIENT_FOR_WORKLOADS.upper()])
def test_nobody_becomes_fabric_itself(apps: Apps, client_id: str) -> None:
    with pytest.raises(AppRefused, match="Fabric's own"):
        apps.create("sync", client_id=client_id)

    assert apps.all() == []


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("", {}, "1 to 256 printable characters, not ''"),
        (" ", {}, "printable characters"),
        ("a\nb", {}, "printable characters"),
        ("x" * 257, {}, "printable characters"),
        ("a", {"client_id": "7"}, "must be a GUID, not '7'"),
        ("a", {"client_id": CLIENT + "\n"}, "must be a GUID"),
        ("a", {"resource": "https://x"}, "not 'https://x'"),
        ("a", {"resource": "api://"}, "not 'api://'"),
        ("a", {"resource": "api://x y"}, "not 'api://x y'"),
        ("a", {"resource": "api://x/"}, "not 'api://x/'"),
        ("a", {"workload": "a b"}, "without spaces"),
    ],
)
def test_what_cannot_be_an_app_is_told(apps: Apps, name: str, options: dict[str, str], told: str) -> None:
    with pytest.raises(AppRefused) as refused:
        apps.create(name, **options)

    assert told in str(refused.value)
    assert apps.all() == []


def test_two_apps_share_no_name_no_id_and_no_audience(apps: Apps) -> None:
    first, _ = apps.create("a", client_id=CLIENT, workload="Contoso.X")

    for name, options in {
        "a": {},
        "b": {"client_id": CLIENT},
        "c": {"workload": "Contoso.X"},
        "d": {"resource": f"api://{CLIENT}"},
    }.items():
        with pytest.raises(AppRefused):
            apps.create(name, **options)

    assert apps.all() == [first]


def test_there_is_a_most_of_apps(apps: Apps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps_module, "MOST_APPS", 2)
    apps.create("a")
    apps.create("b")

    with pytest.raises(AppRefused, match="2 apps are registered"):
        apps.create("c")


def test_a_deleted_app_is_unknown_and_a_new_one_of_its_name_has_another_secret(apps: Apps) -> None:
    made, secret = apps.create("a")

    apps.delete("a")

    assert apps.find(made.client_id) is None
    with pytest.raises(AppRefused, match="no app 'a'"):
        apps.delete("a")
    again, _ = apps.create("a")
    assert (again.client_id, again.object_id) == (made.client_id, made.object_id)
    assert not secret_fits(again, secret)


def test_an_app_is_deleted_by_its_client_id_too(apps: Apps) -> None:
    made, _ = apps.create("a")

    assert apps.delete(made.client_id) == made


def test_another_process_s_changes_are_seen(apps: Apps, tmp_path: Path) -> None:
    other = Apps(tmp_path / "data", TENANT)
    assert apps.find(CLIENT) is None

    made, _ = other.create("a", client_id=CLIENT)
    assert apps.find(CLIENT) == made
    other.delete("a")
    assert apps.find(CLIENT) is None


def test_no_change_of_many_at_once_is_lost(tmp_path: Path) -> None:
    directory = private_directory(tmp_path / "data")
    names = [f"app {number}" for number in range(16)]
    together = threading.Barrier(len(names))

    def create(name: str) -> None:
        together.wait(30)
        Apps(directory, TENANT).create(name)

    threads = [threading.Thread(target=create, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(app.name for app in Apps(directory, TENANT).all()) == sorted(names)
    assert not [path for path in directory.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff", b'{"apps": [{}]}', b"[" * 10_000])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(
    apps: Apps, tmp_path: Path, content: bytes
) -> None:
    kept = tmp_path / "data" / "apps.json"
    kept.touch(0o600)
    kept.write_bytes(content)

    for use in (apps.all, lambda: apps.find(CLIENT), lambda: apps.create("a"), lambda: apps.delete("a")):
        with pytest.raises(DataRefused, match=r"apps\.json holds no registered apps"):
            use()

    assert kept.read_bytes() == content


def test_a_file_that_others_may_read_is_refused(apps: Apps, tmp_path: Path) -> None:
    apps.create("a")
    (tmp_path / "data" / "apps.json").chmod(0o644)

    with pytest.raises(DataRefused, match="open to other users"):
        apps.all()


def test_a_file_that_is_too_long_is_refused(
    apps: Apps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps.create("a")
    monkeypatch.setattr(registers, "LONGEST_FILE_BYTES", 10)

    with pytest.raises(DataRefused, match="longer than 10 bytes"):
        apps.all()
