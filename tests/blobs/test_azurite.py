"""Blobs in a real Azurite: read in ranges, logs that are appended, rights and keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from tests.blobs.containers import Container
from weft.blobs.opening import open_log, open_source, pack_config
from weft.blobs.patience import Patience
from weft.blobs.ports import BlobChanged, BlobForbidden, BlobMissing, Log, Source

LARGEST_CHUNK = 4 * 1024 * 1024
QUICK = Patience(connect_seconds=5, read_seconds=5, answer_seconds=10, retries=0)


@contextmanager
def opened(container: Container, uri: str, tag: str | None = None) -> Iterator[Source]:
    with closing(open_source(uri, pack_config(container.settings, uri), tag=tag, patience=QUICK)) as source:
        yield source


@contextmanager
def a_log(container: Container, uri: str) -> Iterator[Log]:
    with closing(open_log(uri, pack_config(container.settings, uri), patience=QUICK)) as log:
        yield log


# ---- reading


def test_a_large_blob_comes_whole_and_in_bounded_chunks(container: Container) -> None:
    content = os.urandom(2 * LARGEST_CHUNK + 12345)
    container.put("in.ndjson", content)

    with opened(container, container.uri("in.ndjson", "r")) as source:
        chunks = list(source.read())

        assert source.size == len(content)
        assert b"".join(chunks) == content
        assert max(map(len, chunks)) <= LARGEST_CHUNK
        assert b"".join(source.read(len(content) - 7)) == content[-7:]
        assert list(source.read(len(content))) == []


def test_an_empty_blob_has_no_chunks(container: Container) -> None:
    container.put("empty", b"")

    with opened(container, container.uri("empty", "r")) as source:
        assert source.size == 0
        assert list(source.read()) == []


def test_a_name_with_folders_and_odd_letters_is_the_blob_of_that_name(container: Container) -> None:
    container.put("a b/ä?#%&+.ndjson", b"content")

    settings = replace(container.settings, connection=container.connection)
    uri = container.plain_uri("a%20b/%C3%A4%3F%23%25&+.ndjson")

    with closing(open_source(uri, pack_config(settings), patience=QUICK)) as source:
        assert b"".join(source.read()) == b"content"


def test_a_blob_that_changes_while_it_is_read_has_changed(container: Container) -> None:
    container.put("in", b"x" * (LARGEST_CHUNK + 1))

    with opened(container, container.uri("in", "r")) as source:
        chunks = source.read()
        next(chunks)
        container.put("in", b"y" * (LARGEST_CHUNK + 1))

        with pytest.raises(BlobChanged, match="412 ConditionNotMet"):
            next(chunks)


def test_the_second_pass_takes_the_blob_with_the_same_tag_only(container: Container) -> None:
    container.put("in", b"old")
    uri = container.uri("in", "r")
    with opened(container, uri) as source:
        tag = source.tag
    with opened(container, uri, tag) as again:
        assert b"".join(again.read()) == b"old"
    container.put("in", b"new")

    with pytest.raises(BlobChanged), opened(container, uri, tag):
        pass


def test_a_blob_that_is_not_there_is_missing(container: Container) -> None:
    with pytest.raises(BlobMissing, match="404 BlobNotFound"), opened(container, container.uri("none", "r")):
        pass


def test_a_container_that_is_not_there_is_missing(container: Container) -> None:
    elsewhere = replace(container, name="none")

    with pytest.raises(BlobMissing, match="404"), opened(container, elsewhere.uri("in", "r")):
        pass


def test_a_signature_that_does_not_allow_reading_is_forbidden(container: Container) -> None:
    container.put("in", b"content")

    with pytest.raises(BlobForbidden, match="403"), opened(container, container.uri("in", "w")):
        pass


def test_a_wrong_signature_is_forbidden_and_not_told(container: Container) -> None:
    container.put("in", b"content")
    uri = container.uri("other", "r").replace("/other?", "/in?")

    with pytest.raises(BlobForbidden, match="403") as forbidden, opened(container, uri):
        pass

    assert uri.partition("sig=")[2][:10] not in forbidden.value.message
    assert "sig=REDACTED" in forbidden.value.message


def test_without_signature_and_key_a_blob_is_not_read(container: Container) -> None:
    container.put("in", b"content")

    with pytest.raises((BlobForbidden, BlobMissing)), opened(container, container.plain_uri("in")):
        pass


# ---- writing


def test_a_log_is_an_append_blob_that_grows(container: Container) -> None:
    with a_log(container, container.uri("log")) as log:
        log.create()
        assert container.content("log") == b""
        log.write(0, b"one\n")
        assert container.content("log") == b"one\n"
        log.write(4, b"two\n")

    assert container.content("log") == b"one\ntwo\n"
    assert container.client.get_blob_client("log").get_blob_properties().blob_type == "AppendBlob"


def test_a_log_that_is_there_is_emptied(container: Container) -> None:
    with a_log(container, container.uri("log")) as log:
        log.create()
        log.write(0, b"of an earlier import")
        log.create()
        log.write(0, b"new\n")

    assert container.content("log") == b"new\n"


def test_a_log_over_one_block_is_written_in_several(container: Container) -> None:
    data = os.urandom(LARGEST_CHUNK + 3)

    with a_log(container, container.uri("log")) as log:
        log.create()
        log.write(0, data)

    assert container.content("log") == data


def test_what_a_killed_writer_left_is_completed(container: Container) -> None:
    uri = container.uri("log")
    with a_log(container, uri) as killed:
        killed.create()
        killed.write(0, b"one\ntw")

    with a_log(container, uri) as log:
        log.write(0, b"one\ntwo\n")
        log.write(4, b"two\n")
        log.write(8, b"three\n")
        log.write(0, b"one\n")

    assert container.content("log") == b"one\ntwo\nthree\n"


def test_a_log_in_which_something_else_lies_has_changed(container: Container) -> None:
    with a_log(container, container.uri("log")) as log:
        log.create()
        log.write(0, b"one\nsomething else")

        with pytest.raises(BlobChanged):
            log.write(4, b"two\n")

    assert container.content("log") == b"one\nsomething else"


def test_a_log_that_is_shorter_than_what_was_written_has_changed(container: Container) -> None:
    with a_log(container, container.uri("log")) as log:
        log.create()

        with pytest.raises(BlobChanged):
            log.write(4, b"two\n")

    assert container.content("log") == b""


def test_a_log_that_became_another_kind_of_blob_has_changed(container: Container) -> None:
    container.put("log", b"")

    with a_log(container, container.uri("log")) as log, pytest.raises(BlobChanged, match="InvalidBlobType"):
        log.write(0, b"one\n")


def test_a_log_that_was_never_made_is_missing(container: Container) -> None:
    with a_log(container, container.uri("log")) as log, pytest.raises(BlobMissing):
        log.write(0, b"one\n")


def test_s49_a_signature_that_only_reads_is_no_output(container: Container) -> None:
    with a_log(container, container.uri("log", "r")) as log, pytest.raises(BlobForbidden, match="403"):
        log.create()

    assert [blob.name for blob in container.client.list_blobs()] == []


def test_s49_a_container_that_is_not_there_is_no_output(container: Container) -> None:
    elsewhere = replace(container, name="none")

    with a_log(container, elsewhere.uri("log")) as log, pytest.raises(BlobMissing, match="ContainerNotFound"):
        log.create()


def test_a_log_that_somebody_leases_is_forbidden(container: Container) -> None:
    with a_log(container, container.uri("log")) as log:
        log.create()
        container.client.get_blob_client("log").acquire_lease()

        with pytest.raises(BlobForbidden, match="LeaseIdMissing"):
            log.create()


# ---- the key of the account


def test_the_account_key_reads_and_writes(container: Container) -> None:
    container.put("in", b"content")
    settings = replace(container.settings, connection=container.connection)
    config = pack_config(settings, container.plain_uri("in"), container.plain_uri("log"))

    with closing(open_source(container.plain_uri("in"), config, patience=QUICK)) as source:
        assert b"".join(source.read()) == b"content"
    with closing(open_log(container.plain_uri("log"), config, patience=QUICK)) as log:
        log.create()
        log.write(0, b"one\n")

    assert container.content("log") == b"one\n"


def test_a_signature_goes_before_the_account_key(container: Container) -> None:
    uri = container.uri("log", "r")
    config = pack_config(replace(container.settings, connection=container.connection), uri)

    with closing(open_log(uri, config, patience=QUICK)) as log, pytest.raises(BlobForbidden):
        log.create()


def test_a_wrong_account_key_is_forbidden_and_not_told(container: Container) -> None:
    container.put("in", b"content")
    wrong = "d3Jvbmcga2V5"
    connection = f"AccountName=devstoreaccount1;AccountKey={wrong};BlobEndpoint={container.account_url}"
    config = pack_config(replace(container.settings, connection=connection))

    with pytest.raises(BlobForbidden) as forbidden:
        open_source(container.plain_uri("in"), config, patience=QUICK)

    assert wrong not in f"{forbidden.value!r}"
