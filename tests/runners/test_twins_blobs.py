"""What the payload of an import says of its blobs, whose signatures are sealed in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runners.imports import KEY, a_payload, blobs
from weft.blobs.opening import open_source
from weft.blobs.ports import BlobFault
from weft.blobs.secrets import key_from
from weft.runners.twins_blobs import ImportBlobs
from weft.settings import BlobSettings

HOST = "http://127.0.0.1:10000/devstoreaccount1"
SIGNED = f"{HOST}/c/input.ndjson?sv=2024&sig=abc%2Bdef"


def test_input_and_output_are_opened_where_the_payload_says(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"file")
    payload = a_payload(str(tmp_path / "in"), str(tmp_path / "out"))

    uri, config = blobs(tmp_path).source(payload)
    source = open_source(uri, config)
    read = b"".join(source.read())
    source.close()
    log = blobs(tmp_path).open_log(payload)
    log.create()
    log.write(0, b"line\n")
    log.close()

    assert read == b"file"
    assert (tmp_path / "out").read_bytes() == b"line\n"


def test_the_signature_of_an_input_is_in_its_config_and_not_in_its_address_or_payload() -> None:
    payload = a_payload(SIGNED, f"{HOST}/c/output.ndjson")

    uri, config = ImportBlobs(BlobSettings(hosts=(HOST,)), KEY).source(payload)

    assert b"abc" not in payload
    assert "abc" not in uri
    assert b"abc%2Bdef" in config


def test_a_signature_that_was_sealed_with_another_key_is_a_fault_of_the_blob() -> None:
    payload = a_payload(SIGNED, f"{HOST}/c/output.ndjson")

    with pytest.raises(BlobFault, match="another key"):
        ImportBlobs(BlobSettings(hosts=(HOST,)), key_from(b"another secret")).source(payload)
