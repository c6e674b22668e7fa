"""The authority of the local Fabric: what it signs, whom it may not sign for, and that clients take it."""

from __future__ import annotations

import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.auth.tls import connected
from weft.auth.authority import Authority
from weft.auth.errors import DataRefused
from weft.auth.issuing import certificate, common_name, for_server, loaded_key, server_context
from weft.contracts.hosts import ANSWERED_HOSTS

NOW = datetime.now(UTC).replace(microsecond=0)


def opened(data: Path, *, hosts: tuple[str, ...] = ANSWERED_HOSTS, now: datetime = NOW) -> Authority:
    return Authority.open(data / "data", hosts=hosts, now=now)


def loaded(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_it_is_made_once(tmp_path: Path) -> None:
    first = opened(tmp_path)
    before = first.bundle.read_bytes(), first.chain.read_bytes()

    again = opened(tmp_path)

    assert (again.bundle.read_bytes(), again.chain.read_bytes()) == before


def test_no_key_is_open_to_others_or_lies_in_what_clients_read(tmp_path: Path) -> None:
    made = opened(tmp_path)
    directory = made.bundle.parent

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == dict.fromkeys(("ca.pem", "ca-key.pem", "cert.pem", "key.pem"), 0o600)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert b"PRIVATE" not in made.bundle.read_bytes() + made.chain.read_bytes()
    assert loaded(made.bundle).public_key() != loaded(made.chain).public_key()


@pytest.mark.parametrize("name", ["ca-key.pem", "key.pem"])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, name: str) -> None:
    (opened(tmp_path).bundle.parent / name).chmod(0o640)

    with pytest.raises(DataRefused, match=rf"{name} is open to other users"):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["ca-key.pem", "key.pem"])
def test_a_key_file_without_a_key_is_named(tmp_path: Path, name: str) -> None:
    (opened(tmp_path).bundle.parent / name).write_bytes(b"nonsense")

    with pytest.raises(DataRefused, match=rf"{name} holds no elliptic-curve key"):
        opened(tmp_path)


def test_the_servers_certificate_is_renewed_under_the_same_authority(tmp_path: Path) -> None:
    made = opened(tmp_path)
    authority, end = made.bundle.read_bytes(), loaded(made.chain).not_valid_after_utc

    renewed = opened(tmp_path, now=end - timedelta(days=30))

    assert loaded(renewed.chain).not_valid_after_utc > end
    assert renewed.bundle.read_bytes() == authority


def test_a_new_authority_signs_a_new_certificate(tmp_path: Path) -> None:
    made = opened(tmp_path)
    old, end = loaded(made.chain), loaded(made.bundle).not_valid_after_utc

    renewed = opened(tmp_path, now=end - timedelta(days=30))

    assert loaded(renewed.bundle).not_valid_after_utc > end
    assert loaded(renewed.chain) != old
    loaded(renewed.chain).verify_directly_issued_by(loaded(renewed.bundle))


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem"])
@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_damaged_certificate_is_made_anew(tmp_path: Path, name: str, content: bytes) -> None:
    (opened(tmp_path).bundle.parent / name).write_bytes(content)

    made = opened(tmp_path)

    loaded(made.chain).verify_directly_issued_by(loaded(made.bundle))


def test_another_host_makes_another_authority(tmp_path: Path) -> None:
    first = opened(tmp_path).bundle.read_bytes()

    made = opened(tmp_path, hosts=(*ANSWERED_HOSTS, "other.fabric.microsoft.com"))

    assert made.bundle.read_bytes() != first


def test_openssl_finds_nothing_to_object_to(tmp_path: Path) -> None:
    made = opened(tmp_path)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname"]

    done = subprocess.run(
        [*command, ANSWERED_HOSTS[-1], "-CAfile", str(made.bundle), str(made.chain)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ANSWERED_HOSTS)
def test_a_strict_client_that_trusts_the_bundle_is_served(tmp_path: Path, name: str) -> None:
    made = opened(tmp_path)
    client = ssl.create_default_context(cafile=made.bundle)
    client.verify_flags |= ssl.VERIFY_X509_STRICT

    with (
        connected(made.server_context()) as plain,
        client.wrap_socket(plain, server_hostname=name) as secure,
    ):
        assert secure.recv(2) == b"ok"


def test_a_client_that_does_not_trust_the_bundle_is_not(tmp_path: Path) -> None:
    made = opened(tmp_path)
    other = Authority.open(tmp_path / "other", hosts=ANSWERED_HOSTS, now=NOW)
    client = ssl.create_default_context(cafile=other.bundle)

    with connected(made.server_context()) as plain, pytest.raises(ssl.SSLCertVerificationError):
        client.wrap_socket(plain, server_hostname=ANSWERED_HOSTS[0])


@pytest.mark.parametrize("name", ["example.com", "127.0.0.1", "::1"])
def test_who_stole_its_key_can_still_pass_for_none_but_its_hosts(tmp_path: Path, name: str) -> None:
    made = opened(tmp_path)
    stolen = made.bundle.parent / "ca-key.pem"
    signing = loaded_key(stolen, stolen.read_bytes())
    forged = _forged(tmp_path, signing, loaded(made.bundle).subject, name)
    client = ssl.create_default_context(cafile=made.bundle)

    with connected(forged) as plain, pytest.raises(ssl.SSLCertVerificationError, match="subtree"):
        client.wrap_socket(plain, server_hostname=name)


def _forged(
    folder: Path, signing: ec.EllipticCurvePrivateKey, issuer: x509.Name, name: str
) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = for_server(certificate(common_name("forged"), key, issuer, signing, NOW), [name])
    chain, kept = folder / "forged.pem", folder / "forged-key.pem"
    chain.write_bytes(builder.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    kept.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return server_context(chain, kept)
