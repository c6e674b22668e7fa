"""The authority of the local Fabric: signs its servers' certificate, and can sign for no other names."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
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
    general_names,
    lasts,
    loaded_key,
    new_key,
    server_context,
    serves,
)
from weft.auth.private_files import made_once, private_directory

LIFETIME: Final = timedelta(days=3650)

_NO_ADDRESS: Final = (x509.IPAddress(IPv4Network("0.0.0.0/0")), x509.IPAddress(IPv6Network("::/0")))
_Judges = Callable[[x509.Certificate], bool]
_Makes = Callable[[], x509.Certificate]


@dataclass(frozen=True, slots=True)
class Authority:
    """*bundle* is what a client trusts: the certificate of the authority, a PEM file without any key.

    Its key stays in the data directory, for its owner alone. Whoever trusts the bundle trusts it for the
    hosts it was made for only: clients refuse whatever else it might sign (RFC 5280 4.2.1.10).
    """

    bundle: Path
    chain: Path
    key: Path

    @classmethod
    def open(cls, data: Path, *, hosts: Sequence[str], now: datetime) -> Self:
        """Return the authority of the data directory, and its certificate for *hosts*, made or renewed now.

        Raises DataRefused, where others may read a key, or a file holds none.
        """
        directory = private_directory(private_directory(data) / "fabric")
        opened = cls(directory / "ca.pem", directory / "cert.pem", directory / "key.pem")
        signing_path = directory / "ca-key.pem"
        signing = loaded_key(signing_path, made_once(signing_path, new_key))
        key = loaded_key(opened.key, made_once(opened.key, new_key))
        authority = _kept(
            opened.bundle,
            lambda found: lasts(found, signing, now) and _may_sign_for(found, hosts),
            lambda: _authority(signing, hosts, now),
        )
        _kept(
            opened.chain,
            lambda found: serves(found, key, hosts, now) and found.issuer == authority.subject,
            lambda: _server(key, signing, authority, hosts, now),
        )
        return opened

    def server_context(self) -> ssl.SSLContext:
        return server_context(self.chain, self.key)


def _kept(path: Path, is_good: _Judges, make: _Makes) -> x509.Certificate:
    """Return the certificate that *path* holds, made anew where it holds none that is good."""
    if path.exists() and not _holds_good(path.read_bytes(), is_good):
        path.unlink()
    pem = made_once(path, lambda: make().public_bytes(serialization.Encoding.PEM))
    return x509.load_pem_x509_certificate(pem)


def _holds_good(pem: bytes, is_good: _Judges) -> bool:
    try:
        return is_good(x509.load_pem_x509_certificate(pem))
    except ValueError:
        return False


def _may_sign_for(authority: x509.Certificate, hosts: Sequence[str]) -> bool:
    try:
        named = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return False
    return set(named.permitted_subtrees or ()) == set(general_names(hosts))


def _authority(signing: ec.EllipticCurvePrivateKey, hosts: Sequence[str], now: datetime) -> x509.Certificate:
    # A name of its own: authorities are looked up by name.
    name = common_name(f"weft local Fabric {secrets.token_hex(8)}")
    builder = for_authority(certificate(name, signing, name, signing, now, LIFETIME)).add_extension(
        x509.NameConstraints(permitted_subtrees=general_names(hosts), excluded_subtrees=_NO_ADDRESS),
        critical=True,
    )
    return builder.sign(signing, hashes.SHA256())


def _server(
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    hosts: Sequence[str],
    now: datetime,
) -> x509.Certificate:
    builder = certificate(common_name(hosts[0]), key, authority.subject, signing, now)
    return for_server(builder, hosts).sign(signing, hashes.SHA256())
