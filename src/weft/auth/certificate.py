"""The server's own TLS certificate: made once in the data directory, renewed before it runs out."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from weft.auth.issuing import (
    certificate,
    common_name,
    for_authority,
    for_server,
    loaded_key,
    new_key,
    server_context,
    serves,
)
from weft.auth.private_files import made_once, private_directory

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
        key = loaded_key(opened.key, made_once(opened.key, new_key))
        names = NAMES if host in NAMES else (*NAMES, host)
        if opened.chain.exists() and not _serves(opened.chain.read_bytes(), key, names, now):
            opened.chain.unlink()
        made_once(opened.chain, lambda: _new_chain(key, names, now))
        return opened

    def server_context(self) -> ssl.SSLContext:
        return server_context(self.chain, self.key)


def _serves(chain: bytes, key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        return False
    return serves(found, key, names, now)


def _new_chain(key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> bytes:
    """Two certificates rather than one that signs itself: some clients take no authority for a server."""
    signing = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: authorities are looked up by name.
    issuer = common_name(f"weft {secrets.token_hex(8)}")
    server = for_server(certificate(common_name(NAMES[0]), key, issuer, signing, now), names)
    authority = for_authority(certificate(issuer, signing, issuer, signing, now))
    signed = (builder.sign(signing, hashes.SHA256()) for builder in (server, authority))
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in signed)
