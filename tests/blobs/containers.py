"""A container of the tests, filled and looked at with Microsoft's client, and URIs of the blobs in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobSasPermissions, ContainerClient, generate_blob_sas

from tests.blobs import azurite
from weft.settings import BlobSettings


@dataclass(frozen=True)
class Container:
    account_url: str
    name: str
    client: ContainerClient

    def put(self, blob: str, content: bytes) -> None:
        self.client.upload_blob(blob, content, overwrite=True)

    def content(self, blob: str) -> bytes:
        return self.client.download_blob(blob).readall()

    def plain_uri(self, blob: str) -> str:
        return f"{self.account_url}/{self.name}/{blob}"

    def uri(self, blob: str, permission: str = "rcwa") -> str:
        """Return the URI with a signature for *permission*: r, c(reate), w(rite), a(dd)."""
        signature = generate_blob_sas(
            azurite.ACCOUNT,
            self.name,
            blob,
            account_key=azurite.KEY,
            permission=BlobSasPermissions.from_string(permission),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        return f"{self.plain_uri(blob)}?{signature}"

    @property
    def settings(self) -> BlobSettings:
        return BlobSettings(hosts=(self.account_url,))

    @property
    def connection(self) -> str:
        return f"AccountName={azurite.ACCOUNT};AccountKey={azurite.KEY};BlobEndpoint={self.account_url}"
