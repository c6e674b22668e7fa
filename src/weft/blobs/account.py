"""The account key of an Azure Storage connection string, for blobs whose URI carries no signature."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Self

from weft.blobs.names import AzureName, Base

# Published with the Azure Storage emulator, so that it is no secret.
_DEVELOPMENT = (
    "AccountName=devstoreaccount1;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True, slots=True)
class Account:
    """*key* opens all blobs below *base*."""

    name: str
    base: Base
    key: str = field(repr=False)

    @classmethod
    def parse(cls, connection: str) -> Self:
        """Read a connection string with an account key; raises ValueError, which quotes nothing of it."""
        fields = _fields(connection)
        if fields.get("usedevelopmentstorage", "").lower() == "true":
            fields = _fields(_DEVELOPMENT)
        name, key = fields.get("accountname", ""), fields.get("accountkey", "")
        if not name or not _is_key(key):
            raise ValueError("the storage connection string needs AccountName and an AccountKey in base64")
        return cls(name, _endpoint(name, fields), key)

    def opens(self, name: AzureName) -> bool:
        return name.lies_in(self.base)


def _fields(connection: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in connection.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _is_key(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except binascii.Error:
        return False


def _endpoint(name: str, fields: dict[str, str]) -> Base:
    scheme = fields.get("defaultendpointsprotocol", "https")
    usual = f"{scheme}://{name}.blob.{fields.get('endpointsuffix', 'core.windows.net')}"
    try:
        return Base.parse(fields.get("blobendpoint", usual))
    except ValueError as fault:
        raise ValueError(f"the endpoint of the storage connection string cannot be used: {fault}") from None
