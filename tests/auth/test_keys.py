"""The keys and the home tenant: made once, closed to others, the same for all processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from weft.auth.errors import DataRefused
from weft.auth.home import Home
from weft.auth.keys import Keys

OPENED_AT_ONCE = 6
SHOWS_WHAT_IT_OPENED = """
import sys
from pathlib import Path
from weft.auth.home import Home
from weft.auth.keys import Keys
sys.stdin.read()
data = Path(sys.argv[1])
keys = Keys.open(data)
print(keys.kid, keys.secret.hex(), Home.open(data).tenant)
"""


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_keys_and_home_are_the_same_when_opened_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first, home = Keys.open(data), Home.open(data)

    again = Keys.open(data)

    assert (again.kid, again.secret, again.jwks()) == (first.kid, first.secret, first.jwks())
    assert Home.open(data) == home


def test_two_data_directories_share_nothing(tmp_path: Path) -> None:
    one, other = Keys.open(tmp_path / "one"), Keys.open(tmp_path / "other")

    assert one.kid != other.kid
    assert one.secret != other.secret
    assert Home.open(tmp_path / "one") != Home.open(tmp_path / "other")


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SHOWS_WHAT_IT_OPENED, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(OPENED_AT_ONCE)
    ]

    for process in started:
        assert process.stdin is not None
        process.stdin.close()  # all wait for this before they open anything
        process.stdin = None
    shown = {process.communicate(timeout=60)[0] for process in started}

    assert [process.returncode for process in started] == [0] * OPENED_AT_ONCE
    assert len(shown) == 1
    assert {path.name for path in (data / "keys").iterdir()} == {"signing.pem", "secret"}


def test_what_is_made_is_closed_to_others(tmp_path: Path) -> None:
    data = tmp_path / "data"

    Keys.open(data)
    Home.open(data)

    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {
        "data": 0o700,
        "data/keys": 0o700,
        "data/keys/signing.pem": 0o600,
        "data/keys/secret": 0o600,
        "data/tenant": 0o600,
    }


@pytest.mark.parametrize(
    ("name", "mode", "fix"),
    [
        ("", 0o755, "0700"),
        ("", 0o710, "0700"),
        ("keys", 0o701, "0700"),
        ("keys/signing.pem", 0o644, "0600"),
        ("keys/signing.pem", 0o620, "0600"),
        ("keys/secret", 0o604, "0600"),
    ],
)
def test_what_is_open_to_others_is_refused_with_the_fix(
    name: str, mode: int, fix: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    Keys.open(data)
    (data / name).chmod(mode)

    with pytest.raises(DataRefused) as raised:
        Keys.open(data)

    assert f"mode {mode:04o}" in str(raised.value)
    assert str(raised.value).endswith(f"chmod {fix} {data / name}")


def test_a_tenant_open_to_others_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    Home.open(data)
    (data / "tenant").chmod(0o644)

    with pytest.raises(DataRefused, match="chmod 0600"):
        Home.open(data)


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(DataRefused, match="no directory"):
        Keys.open(tmp_path / "data")


def test_a_link_in_the_place_of_a_key_is_not_followed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    Keys.open(data)
    (data / "keys" / "signing.pem").rename(tmp_path / "elsewhere.pem")
    (data / "keys" / "signing.pem").symlink_to(tmp_path / "elsewhere.pem")

    with pytest.raises(DataRefused, match="link"):
        Keys.open(data)


@pytest.mark.filterwarnings("ignore:.*key.*size:Warning")
@pytest.mark.parametrize(
    "content",
    [
        lambda: b"",
        lambda: b"no key",
        lambda: private_pem(rsa.generate_private_key(65537, 1024)),
        lambda: private_pem(ec.generate_private_key(ec.SECP256R1())),
        lambda: (
            rsa.generate_private_key(65537, 2048)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        ),
    ],
    ids=["nothing", "text", "1024 bits", "an elliptic key", "a public key"],
)
def test_a_key_file_is_refused_that_holds(content: Callable[[], bytes], tmp_path: Path) -> None:
    data = tmp_path / "data"
    Keys.open(data)
    (data / "keys" / "signing.pem").write_bytes(content())

    with pytest.raises(DataRefused, match=r"signing\.pem"):
        Keys.open(data)


def test_a_damaged_secret_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    Keys.open(data)
    (data / "keys" / "secret").write_bytes(b"short")

    with pytest.raises(DataRefused, match="32 bytes"):
        Keys.open(data)


@pytest.mark.parametrize("content", ["", "common", "853D9F4F-C71B-4420-B6EC-60E503458946", "\u00ff"])
def test_a_damaged_tenant_is_refused(content: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    Home.open(data)
    (data / "tenant").write_text(content)

    with pytest.raises(DataRefused, match="tenant"):
        Home.open(data)
