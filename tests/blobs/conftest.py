"""Azurite, one for all tests; a container and a directory for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from tests.blobs import azurite
from tests.blobs.containers import Container


@pytest.fixture(scope="session")
def account_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite.running(tmp_path_factory.mktemp("azurite")) as url:
        yield url


@pytest.fixture
def container(account_url: str) -> Iterator[Container]:
    credential = {"account_name": azurite.ACCOUNT, "account_key": azurite.KEY}
    name = f"c-{uuid.uuid4().hex}"
    with ContainerClient(account_url, name, credential=credential) as client:
        client.create_container()
        yield Container(account_url, name, client)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path
