"""A storage that misbehaves: each fault is told clearly, in bounded time and memory, without secrets."""

from __future__ import annotations

import gzip
import itertools
import logging
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.blobs.storage import (
    Answer,
    FakeStorage,
    dripping,
    flooding,
    part_of_it,
    saying,
    silent,
    taking_effect_without_an_answer,
)
from weft.blobs.opening import open_log, open_source, pack_config
from weft.blobs.patience import Patience
from weft.blobs.ports import BlobChanged, BlobFault, BlobForbidden, BlobMissing, BlobUnavailable, Log, Source
from weft.settings import BlobSettings

QUICK = Patience(connect_seconds=2, read_seconds=0.3, answer_seconds=0.6, retries=0)
PATIENT = Patience(connect_seconds=2, read_seconds=5, answer_seconds=5, retries=2, pause_seconds=0)


@pytest.fixture
def storage() -> Iterator[FakeStorage]:
    with FakeStorage(b"0123456789") as running:
        yield running


def uri_in(storage: FakeStorage) -> str:
    return f"{storage.url}/cont/blob?sv=1&sig=S3CR3T"


def opened(storage: FakeStorage, patience: Patience = QUICK) -> Source:
    uri = uri_in(storage)
    return open_source(uri, pack_config(BlobSettings(hosts=(storage.url,)), uri), patience=patience)


def a_log(storage: FakeStorage, patience: Patience = QUICK) -> Log:
    uri = uri_in(storage)
    return open_log(uri, pack_config(BlobSettings(hosts=(storage.url,)), uri), patience=patience)


def read(storage: FakeStorage, patience: Patience = QUICK) -> bytes:
    with closing(opened(storage, patience)) as source:
        return b"".join(source.read())


FAULTS: dict[str, tuple[Answer, type[BlobFault], str]] = {
    "wrong length": (part_of_it(4), BlobUnavailable, "connection to the storage fails"),
    "S50 a smaller blob": (
        saying(206, b"0123", {"ETag": '"0x1"', "Content-Range": "bytes 0-3/4"}),
        BlobUnavailable,
        "4 bytes where 10",
    ),
    "S50 more bytes than asked for": (
        saying(206, b"0123456789ab", {"ETag": '"0x1"', "Content-Range": "bytes 0-11/12"}),
        BlobUnavailable,
        "12 bytes where 10",
    ),
    "S50 another ETag": (
        saying(206, b"0123456789", {"ETag": '"0x2"', "Content-Range": "bytes 0-9/10"}),
        BlobChanged,
        "has changed",
    ),
    "S50 412": (saying(412, b"", {"x-ms-error-code": "ConditionNotMet"}), BlobChanged, "412 ConditionNotMet"),
    "S50 404": (saying(404, b"", {"x-ms-error-code": "BlobNotFound"}), BlobMissing, "404 BlobNotFound"),
    "S50 403": (saying(403, b"", {"x-ms-error-code": "AuthFailed"}), BlobForbidden, "403 AuthFailed"),
    "401": (saying(401), BlobForbidden, "401"),
    "409 of a private account": (
        saying(409, b"", {"x-ms-error-code": "PublicAccessNotPermitted"}),
        BlobForbidden,
        "409 PublicAccessNotPermitted",
    ),
    "416": (saying(416), BlobChanged, "416"),
    "429": (saying(429), BlobUnavailable, "429"),
    "500": (saying(500, b"Traceback: S3CR3T"), BlobUnavailable, "500"),
    "502": (saying(502, b"<html>Bad gateway</html>"), BlobUnavailable, "502"),
    "503": (saying(503, b"", {"Retry-After": "1000"}), BlobUnavailable, "503"),
    "a page of HTML": (saying(200, b"<html>Sign in</html>"), BlobUnavailable, "cannot be understood"),
    "XML that is none": (
        saying(400, b"<Error><Code>S3CR3T", {"Content-Type": "application/xml"}),
        BlobUnavailable,
        "400",
    ),
    "a code with a secret": (saying(400, b"", {"x-ms-error-code": "a?sig=S3CR3T"}), BlobUnavailable, "400"),
    "a range of nowhere": (
        saying(206, b"0123456789", {"ETag": '"0x1"', "Content-Range": "words"}),
        BlobUnavailable,
        "cannot be understood",
    ),
    "an error without end": (flooding, BlobUnavailable, "connection to the storage fails"),
    "no answer": (silent, BlobUnavailable, "does not answer in time"),
    "a byte now and then": (dripping, BlobUnavailable, "does not answer in time"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_of_the_storage_is_told_without_the_signature(storage: FakeStorage, case: str) -> None:
    answer, kind, message = FAULTS[case]
    storage.content = b"0123456789" * (10 if case == "a byte now and then" else 1)
    storage.will("GET", answer)

    begun = time.monotonic()
    with pytest.raises(BlobFault) as fault:
        read(storage)

    assert type(fault.value) is kind
    assert message in fault.value.message
    assert f"{storage.url}/cont/blob?sv=1&sig=REDACTED" in fault.value.message
    told = "".join(traceback.format_exception(fault.value, chain=True))
    assert "S3CR3T" not in f"{told} {fault.value!r} {fault.value.__context__!r} {fault.value.__cause__!r}"
    assert time.monotonic() - begun < 5


def test_s50_answers_that_stay_short_are_a_fault(storage: FakeStorage) -> None:
    short = saying(206, b"0123", {"ETag": '"0x1"', "Content-Range": "bytes 0-9/10"})
    shorter = saying(206, b"45", {"ETag": '"0x1"', "Content-Range": "bytes 4-9/10"})
    storage.will("GET", short, shorter)

    with pytest.raises(BlobUnavailable, match="6 bytes where 10"):
        read(storage)


def test_s45_a_redirect_is_not_followed(storage: FakeStorage) -> None:
    with FakeStorage(b"secret") as elsewhere:
        for status in (301, 302, 303, 307, 308):
            storage.will("GET", saying(status, b"", {"Location": f"{elsewhere.url}/cont/blob"}))

            with pytest.raises(BlobUnavailable, match=str(status)):
                read(storage)

        assert elsewhere.seen == []


def test_s45_a_redirect_of_the_look_at_the_blob_is_not_followed(storage: FakeStorage) -> None:
    with FakeStorage(b"secret") as elsewhere:
        storage.will("HEAD", saying(302, b"", {"Location": f"{elsewhere.url}/cont/blob"}))

        with pytest.raises(BlobUnavailable, match="302"):
            opened(storage)

        assert elsewhere.seen == []


def test_s45_a_redirect_of_a_log_is_not_followed(storage: FakeStorage) -> None:
    with FakeStorage() as elsewhere:
        storage.will("PUT", saying(307, b"", {"Location": f"{elsewhere.url}/cont/blob"}))

        with closing(a_log(storage)) as log, pytest.raises(BlobUnavailable, match="307"):
            log.create()

        assert elsewhere.seen == []


@pytest.mark.parametrize("header", [{}, {"ETag": '"0x1"', "Content-Length": "ten"}, {"Content-Length": "10"}])
def test_a_look_that_tells_no_size_or_etag_is_a_fault(storage: FakeStorage, header: dict[str, str]) -> None:
    storage.will("HEAD", saying(200, b"", header))

    with pytest.raises(BlobUnavailable):
        opened(storage)


def test_s55_proxies_of_the_environment_are_not_used(
    storage: FakeStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeStorage() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)

        assert read(storage) == b"0123456789"
        assert proxy.seen == []


def test_s59_a_content_encoding_is_not_undone(storage: FakeStorage) -> None:
    bomb = gzip.compress(bytes(50 * 1024 * 1024))
    storage.content = bomb
    storage.headers = {"Content-Encoding": "gzip"}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert read(storage) == bomb
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024
    assert {request.headers["Accept-Encoding"] for request in storage.of("GET")} == {"identity"}


def test_s59_an_error_that_is_encoded_is_not_undone(storage: FakeStorage) -> None:
    bomb = gzip.compress(bytes(40 * 1024 * 1024))
    storage.will("GET", saying(500, bomb, {"Content-Encoding": "gzip", "Content-Type": "application/xml"}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(BlobUnavailable):
        read(storage)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024


def test_ranges_are_read_over_one_connection_and_pinned_to_the_etag(storage: FakeStorage) -> None:
    storage.content = bytes(9 * 1024 * 1024)

    assert read(storage) == storage.content

    gets = storage.of("GET")
    assert len(gets) == 3
    assert len({request.port for request in storage.seen}) == 1
    assert {request.headers["If-Match"] for request in gets} == {storage.tag}


def test_a_fault_that_passes_is_tried_again(storage: FakeStorage) -> None:
    storage.will("GET", saying(500), part_of_it(3))

    assert read(storage, PATIENT) == b"0123456789"
    assert len(storage.of("GET")) == 3


def test_a_fault_that_stays_is_tried_a_few_times_only(storage: FakeStorage) -> None:
    storage.will("GET", *itertools.repeat(saying(503), 50))

    with pytest.raises(BlobUnavailable, match="503"):
        read(storage, PATIENT)

    assert len(storage.of("GET")) == 1 + PATIENT.retries


def test_what_was_refused_is_not_tried_again(storage: FakeStorage) -> None:
    storage.will("HEAD", *itertools.repeat(saying(403), 50))

    with pytest.raises(BlobForbidden):
        opened(storage, PATIENT)

    assert len(storage.of("HEAD")) == 1


def test_a_block_whose_answer_was_lost_is_appended_once(storage: FakeStorage) -> None:
    with closing(a_log(storage, PATIENT)) as log:
        log.create()
        log.write(0, b"one\n")
        storage.will("PUT", taking_effect_without_an_answer)
        log.write(4, b"two\n")
        log.write(8, b"three\n")

    assert storage.content == b"one\ntwo\nthree\n"


def test_a_log_that_gets_no_answer_is_told_in_time(storage: FakeStorage) -> None:
    storage.will("PUT", silent)

    begun = time.monotonic()
    with closing(a_log(storage)) as log, pytest.raises(BlobUnavailable, match="does not answer in time"):
        log.create()

    assert time.monotonic() - begun < 5


def test_a_storage_that_is_not_there_is_told(storage: FakeStorage) -> None:
    with FakeStorage() as gone:
        pass

    with pytest.raises(BlobUnavailable, match="connection to the storage fails"):
        opened(gone)


def test_s80_the_libraries_log_no_signature_at_debug(
    storage: FakeStorage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    storage.will("GET", saying(500))

    read(storage, PATIENT)

    assert "sig=REDACTED" in caplog.text
    assert "S3CR3T" not in caplog.text


def test_without_the_extra_it_says_what_to_install(
    storage: FakeStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing: Any = None
    monkeypatch.delitem(sys.modules, "weft.blobs.azure", raising=False)
    monkeypatch.setitem(sys.modules, "azure.storage.blob", missing)

    for opening in (opened, a_log):
        with pytest.raises(BlobUnavailable, match=r"install weft\[azure\]"):
            opening(storage)
