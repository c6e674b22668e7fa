"""S46: a name leads to public addresses only, and the connection goes to the one that was checked."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.blobs.storage import FakeStorage
from weft.blobs.addresses import connectable, is_public
from weft.blobs.names import Base
from weft.blobs.opening import open_source, pack_config
from weft.blobs.patience import Patience
from weft.blobs.ports import BlobForbidden, BlobUnavailable
from weft.blobs.transport import session
from weft.settings import BlobSettings

QUICK = Patience(connect_seconds=2, read_seconds=2, answer_seconds=2, retries=0)
PUBLIC = "93.184.216.34"
real_getaddrinfo = socket.getaddrinfo


def entries(*addresses: str) -> list[tuple[Any, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let every name stand for the given addresses; returns the list of names that are asked for."""

    def stand_for(*addresses: str) -> list[str]:
        asked: list[str] = []

        def answer(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
            asked.append(host)
            return entries(*addresses)

        monkeypatch.setattr(socket, "getaddrinfo", answer)
        return asked

    return stand_for


NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:168.63.129.16",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:53aa:64c:0:ffff:80ff:fffe",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_s46_an_address_that_is_not_public_is_recognised(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", [PUBLIC, "20.60.1.1", "2603:1030::1", "64:ff9b::5db8:d822"])
def test_a_public_address_is_recognised(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "168.63.129.16"])
def test_s46_a_name_that_stands_for_a_private_address_is_refused(
    names: Callable[..., list[str]], address: str
) -> None:
    names(address)

    with pytest.raises(BlobForbidden, match="no public address"):
        connectable("acct.blob.core.windows.net", 443)


def test_s46_one_private_address_among_public_ones_is_refused(names: Callable[..., list[str]]) -> None:
    names(PUBLIC, "10.0.0.1")

    with pytest.raises(BlobForbidden):
        connectable("acct.blob.core.windows.net", 443)


def test_a_name_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(BlobUnavailable, match=r"acct\.blob\.core\.windows\.net is not known"):
        connectable("acct.blob.core.windows.net", 443)


def test_a_configured_address_means_itself(names: Callable[..., list[str]]) -> None:
    asked = names(PUBLIC)

    assert connectable("127.0.0.1", 10000) == "127.0.0.1"
    assert connectable("10.1.2.3", 443) == "10.1.2.3"
    assert connectable("[::1]", 10000) == "::1"
    assert asked == []


def test_localhost_is_loopback_and_nothing_else(names: Callable[..., list[str]]) -> None:
    names("127.0.0.1")
    assert connectable("localhost", 10000) == "127.0.0.1"

    names("10.0.0.1")
    with pytest.raises(BlobForbidden):
        connectable("localhost", 10000)


def test_s46_the_name_is_asked_for_once_and_the_checked_address_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that tells another address each time: only the first answer counts."""
    asked: list[str] = []

    with FakeStorage(b"0123456789") as storage:

        def rebinding(host: str, port: int, *more: Any, **others: Any) -> Any:
            asked.append(host)
            if host == "storage.test":
                return entries(PUBLIC if asked.count(host) == 1 else "10.0.0.1")
            # Stands for the way to the public address, which here leads to the server of the test.
            return real_getaddrinfo("127.0.0.1" if host == PUBLIC else host, port, *more, **others)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        host = f"http://storage.test:{storage.port}"
        config = pack_config(BlobSettings(hosts=(host,)))
        with closing(open_source(f"{host}/cont/blob", config, patience=QUICK)) as source:
            content = b"".join(source.read())

        assert content == b"0123456789"
        assert asked == ["storage.test", PUBLIC]
        assert {request.headers["Host"] for request in storage.seen} == {f"storage.test:{storage.port}"}


def test_s46_a_blob_of_a_name_that_leads_inside_is_not_opened(names: Callable[..., list[str]]) -> None:
    with FakeStorage(b"secret") as storage:
        names("127.0.0.1")
        host = f"http://storage.test:{storage.port}"

        with pytest.raises(BlobForbidden):
            open_source(f"{host}/cont/blob", pack_config(BlobSettings(hosts=(host,))), patience=QUICK)

        assert storage.seen == []


def test_a_session_reaches_its_own_storage_only() -> None:
    with FakeStorage(b"secret") as other, FakeStorage() as storage:
        made = session(Base.parse(storage.url), "127.0.0.1", QUICK)

        with closing(made), pytest.raises(requests.exceptions.InvalidSchema):
            made.get(f"{other.url}/cont/blob", timeout=2)

        assert other.seen == []


# ---- TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for storage.test, with its key, that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "storage.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("storage.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    kind = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *kind)
    )
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[tuple[FakeStorage, list[str]]]:
    """A storage that speaks TLS, and the names it was called by."""
    called: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: called.append(name)
    with FakeStorage(b"0123456789", tls=context) as storage:
        yield storage, called


def test_tls_is_spoken_to_the_name_at_the_checked_address(
    secure: tuple[FakeStorage, list[str]], certificate: Path
) -> None:
    storage, called = secure
    base = Base.parse(f"https://storage.test:{storage.port}")

    with closing(session(base, "127.0.0.1", QUICK)) as made:
        made.verify = str(certificate)
        answer = made.get(f"{base.url}/cont/blob", timeout=2)

    assert answer.content == b"0123456789"
    assert called == ["storage.test"]


def test_a_certificate_for_another_name_is_not_trusted(
    secure: tuple[FakeStorage, list[str]], certificate: Path
) -> None:
    storage, _ = secure
    base = Base.parse(f"https://other.test:{storage.port}")

    with closing(session(base, "127.0.0.1", QUICK)) as made:
        made.verify = str(certificate)
        with pytest.raises(requests.exceptions.SSLError):
            made.get(f"{base.url}/cont/blob", timeout=2)

    assert storage.seen == []


def test_s55_a_certificate_nobody_vouches_for_is_not_trusted(
    secure: tuple[FakeStorage, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, _ = secure
    host = f"https://127.0.0.1:{storage.port}"
    monkeypatch.setenv("CURL_CA_BUNDLE", "")

    with pytest.raises(BlobUnavailable, match="certificate of the storage is not to be trusted"):
        open_source(f"{host}/cont/blob", pack_config(BlobSettings(hosts=(host,))), patience=QUICK)

    assert storage.seen == []
