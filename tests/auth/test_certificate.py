"""The server's own certificate: what is in it, when it is made anew, and that clients take it."""

from __future__ import annotations

import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from tests.auth.tls import connected
from weft.auth.certificate import Certificate
from weft.auth.errors import DataRefused

NOW = datetime.now(UTC).replace(microsecond=0)


def opened(data: Path, *, host: str = "127.0.0.1", now: datetime = NOW) -> Certificate:
    return Certificate.open(data / "data", host=host, now=now)


def leaf(certificate: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificates(certificate.chain.read_bytes())[0]


def test_it_is_made_once(tmp_path: Path) -> None:
    first = opened(tmp_path).chain.read_bytes()

    assert opened(tmp_path).chain.read_bytes() == first


def test_its_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = opened(tmp_path)

    assert made.key == tmp_path / "data" / "tls" / "key.pem"
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert b"PRIVATE" not in made.chain.read_bytes()


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).key.chmod(0o644)

    with pytest.raises(DataRefused, match=r"key\.pem is open to other users"):
        opened(tmp_path)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_file_without_a_key_is_named(tmp_path: Path, content: bytes) -> None:
    opened(tmp_path).key.write_bytes(content)

    with pytest.raises(DataRefused, match=r"key\.pem holds no elliptic-curve key"):
        opened(tmp_path)


def test_it_lasts_825_days_at_most_and_is_renewed_30_days_before_its_end(tmp_path: Path) -> None:
    made = opened(tmp_path)
    first = leaf(made)
    end = first.not_valid_after_utc

    same = leaf(opened(tmp_path, now=end - timedelta(days=30, seconds=1)))
    renewed = leaf(opened(tmp_path, now=end - timedelta(days=30)))

    assert end - first.not_valid_before_utc <= timedelta(days=825)
    assert same == first
    assert renewed.not_valid_after_utc > end
    assert renewed.public_key() == first.public_key()


def test_one_that_begins_in_the_future_is_made_anew(tmp_path: Path) -> None:
    later = leaf(opened(tmp_path, now=NOW + timedelta(days=3)))

    assert leaf(opened(tmp_path)).not_valid_before_utc < NOW < later.not_valid_before_utc


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_damaged_one_is_made_anew(tmp_path: Path, content: bytes) -> None:
    opened(tmp_path).chain.write_bytes(content)

    assert leaf(opened(tmp_path)).public_key() is not None


def test_one_of_another_key_is_made_anew(tmp_path: Path) -> None:
    opened(tmp_path).key.unlink()

    opened(tmp_path).server_context()  # raises where key and certificate are no pair


def test_an_address_that_it_is_not_for_makes_a_new_one_that_keeps_the_usual_names(tmp_path: Path) -> None:
    opened(tmp_path)

    made = leaf(opened(tmp_path, host="127.0.0.9"))

    names = made.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert isinstance(names, x509.SubjectAlternativeName)
    assert [str(name.value) for name in names] == ["localhost", "127.0.0.1", "::1", "127.0.0.9"]


def test_openssl_finds_nothing_to_object_to(tmp_path: Path) -> None:
    chain = str(opened(tmp_path).chain)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", "127.0.0.1"]

    done = subprocess.run([*command, "-CAfile", chain, chain], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_strict_client_that_trusts_the_file_is_served(tmp_path: Path, name: str) -> None:
    made = opened(tmp_path)
    client = ssl.create_default_context(cafile=made.chain)
    client.verify_flags |= ssl.VERIFY_X509_STRICT

    with connected(made.server_context()) as plain, client.wrap_socket(plain, server_hostname=name) as secure:
        assert secure.recv(2) == b"ok"


def test_a_client_that_does_not_trust_the_file_is_not(tmp_path: Path) -> None:
    made = opened(tmp_path)
    other = Certificate.open(tmp_path / "other", host="127.0.0.1", now=NOW)
    client = ssl.create_default_context(cafile=other.chain)

    with connected(made.server_context()) as plain, pytest.raises(ssl.SSLCertVerificationError):
        client.wrap_socket(plain, server_hostname="localhost")


def test_an_old_protocol_is_not_spoken(tmp_path: Path) -> None:
    assert opened(tmp_path).server_context().minimum_version == ssl.TLSVersion.TLSv1_2
