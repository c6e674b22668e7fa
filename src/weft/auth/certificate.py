"""The server's own TLS certificate: made once in the data directory, renewed before it runs out."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from weft.auth.errors import DataRefused
from weft.auth.private_files import made_once, private_directory

LIFETIME: Final = timedelta(days=825)  # longer ones are refused by some clients
RENEWED_BEFORE: Final = timedelta(days=30)
CLOCKS_DIFFER_BY: Final = timedelta(hours=1)
NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """*chain* is a PEM file: the server's certificate, then the authority that signed it and nothing else.

    The authority's key is thrown away: who trusts the file trusts this one server, for these names.
    """

    chain: Path
    key: Path

    @classmethod
    def open(cls, data: Path, *, host: str, now: datetime) -> Self:
        """Return the certificate for localhost and *host*, made or renewed now if need be.

        Raises DataRefused, where others may read the key, or the file holds none.
        """
        directory = private_directory(private_directory(data) / "tls")
        opened = cls(directory / "cert.pem", directory / "key.pem")
        key = _loaded(opened.key, made_once(opened.key, _new_key))
        names = NAMES if host in NAMES else (*NAMES, host)
        if opened.chain.exists() and not _serves(opened.chain.read_bytes(), key, names, now):
            opened.chain.unlink()
        made_once(opened.chain, lambda: _new_chain(key, names, now))
        return opened

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.chain, self.key)
        return context


def _serves(chain: bytes, key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificates(chain)[0]
        named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return (
        found.public_key() == key.public_key()
        and set(_general(names)) <= set(named)
        and found.not_valid_before_utc <= now < found.not_valid_after_utc - RENEWED_BEFORE
    )


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _loaded(path: Path, pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DataRefused(f"{path} holds no elliptic-curve key; move it away and a new one is made")
    return key


def _new_chain(key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> bytes:
    """Two certificates rather than one that signs itself: some clients take no authority for a server."""
    signing = ec.generate_private_key(ec.SECP256R1())
    issuer = _name(f"weft {secrets.token_hex(8)}")  # a name of its own: authorities are looked up by name
    server = _server(_certificate(_name(NAMES[0]), key, issuer, signing, now), names)
    authority = _authority(_certificate(issuer, signing, issuer, signing, now))
    signed = (builder.sign(signing, hashes.SHA256()) for builder in (server, authority))
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in signed)


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signing: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.CertificateBuilder:
    """Return what both have, as RFC 5280 4.2 asks for."""
    public, signer = key.public_key(), signing.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER_BY)
        .not_valid_after(now - CLOCKS_DIFFER_BY + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _authority(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(
        _usage(signs_certificates=True), critical=True
    )


def _server(builder: x509.CertificateBuilder, names: Sequence[str]) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_address(name) or x509.DNSName(name) for name in names]


def _address(name: str) -> x509.IPAddress | None:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return None


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
