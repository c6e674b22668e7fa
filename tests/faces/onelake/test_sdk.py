"""Microsoft's own client for Data Lake Storage, unmodified, against a local OneLake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.filedatalake import DataLakeDirectoryClient, FileSystemClient

from tests.faces.onelake.serving import LONGEST_APPEND_BYTES, TYPE, WORKSPACE, Lake
from weft.faces.onelake.face import AUDIENCES


@pytest.fixture
def filesystem(onelake: Lake) -> Iterator[FileSystemClient]:
    with onelake.client() as client:
        yield client.get_file_system_client(onelake.workspace)


@pytest.fixture
def directory(filesystem: FileSystemClient, onelake: Lake) -> DataLakeDirectoryClient:
    """An empty directory of the test's own."""
    return filesystem.create_directory(f"{onelake.item}/Files/{uuid4()}")


def test_a_file_is_created_appended_flushed_and_read(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("result.txt")

    file.append_data(b"hello ", offset=0, length=6)
    file.append_data(b"world", offset=6, length=5)
    done = file.flush_data(11)

    assert file.download_file().readall() == b"hello world"
    properties = file.get_file_properties()
    assert (properties.size, properties.etag) == (11, done["etag"])


def test_data_that_is_not_flushed_is_not_read(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("result.txt")

    file.append_data(b"hello", offset=0, length=5)

    assert file.download_file().readall() == b""


def test_a_part_of_a_file_is_read(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("result.txt")
    file.upload_data(b"0123456789", overwrite=True)

    assert file.download_file(offset=3, length=4).readall() == b"3456"
    assert file.download_file(offset=7).readall() == b"789"


def test_a_large_file_goes_in_parts_and_at_once(directory: DataLakeDirectoryClient) -> None:
    data = os.urandom(5 * 1024 * 1024 + 17)
    file = directory.get_file_client("large.bin")

    file.upload_data(data, overwrite=True, chunk_size=1024 * 1024, max_concurrency=4)

    assert file.download_file(max_concurrency=4).readall() == data


def test_a_file_is_overwritten(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("result.txt")
    file.upload_data(b"a long first text", overwrite=True)

    file.upload_data(b"second", overwrite=True)

    assert file.download_file().readall() == b"second"


def test_a_file_grows_by_what_is_appended_later(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("log.txt")
    file.upload_data(b"one\n", overwrite=True)

    file.append_data(b"two\n", offset=4, length=4, flush=True)

    assert file.download_file().readall() == b"one\ntwo\n"


def test_content_is_checked_where_the_client_says_its_digest(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("result.txt")

    file.append_data(b"hello", offset=0, length=5, validate_content=True)

    assert file.flush_data(5)["content_length"] == 0


def test_what_is_in_a_directory_is_listed(
    filesystem: FileSystemClient, directory: DataLakeDirectoryClient
) -> None:
    for number in range(7):  # more than a page
        directory.create_file(f"f{number}").upload_data(b"x" * number, overwrite=True)
    directory.create_sub_directory("sub").create_file("deep")

    flat = list(filesystem.get_paths(directory.path_name, recursive=False))
    deep = list(filesystem.get_paths(directory.path_name, recursive=True))

    expected = [f"{directory.path_name}/{name}" for name in (*(f"f{n}" for n in range(7)), "sub", "sub/deep")]
    assert [path.name for path in flat] == expected[:-1]
    assert [path.name for path in deep] == expected
    assert [path.content_length for path in flat] == [0, 1, 2, 3, 4, 5, 6, 0]
    assert [path.is_directory for path in deep] == [False] * 7 + [True, False]


def test_the_items_of_a_workspace_are_its_directories(
    filesystem: FileSystemClient, directory: DataLakeDirectoryClient
) -> None:
    assert [path.name for path in filesystem.get_paths(recursive=False)] == [f"the item.{TYPE}"]
    names = [path.name for path in filesystem.get_paths(recursive=True)]
    assert f"the item.{TYPE}/Files/{directory.path_name.rpartition('/')[2]}" in names


def test_an_item_is_found_by_names_too(onelake: Lake, directory: DataLakeDirectoryClient) -> None:
    directory.create_file("x").upload_data(b"by id", overwrite=True)
    path = f"the item.{TYPE}/Files/{directory.path_name.rpartition('/')[2]}/x"

    with onelake.client() as client:
        file = client.get_file_client(WORKSPACE, path)
        assert file.download_file().readall() == b"by id"


def test_what_exists_is_known(directory: DataLakeDirectoryClient, filesystem: FileSystemClient) -> None:
    directory.create_file("there")

    assert directory.exists()
    assert directory.get_file_client("there").exists()
    assert not directory.get_file_client("missing").exists()
    assert filesystem.exists()
    assert directory.get_directory_properties().metadata == {"hdi_isfolder": "true"}


def test_a_file_is_deleted(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("x")

    file.delete_file()

    assert not file.exists()


def test_a_directory_is_deleted_with_all_that_is_in_it(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_sub_directory("sub").create_file("x")

    directory.delete_directory()

    assert not directory.exists()
    assert not file.exists()


def test_a_file_is_renamed(directory: DataLakeDirectoryClient, onelake: Lake) -> None:
    file = directory.create_file("old name")
    file.upload_data(b"content", overwrite=True)

    moved = file.rename_file(f"{onelake.workspace}/{directory.path_name}/new name")

    assert moved.download_file().readall() == b"content"
    assert not directory.get_file_client("old name").exists()


def test_a_directory_is_renamed(directory: DataLakeDirectoryClient, onelake: Lake) -> None:
    directory.create_file("x").upload_data(b"content", overwrite=True)

    moved = directory.rename_directory(f"{onelake.workspace}/{directory.path_name} moved")

    assert moved.get_file_client("x").download_file().readall() == b"content"


def test_names_may_hold_what_urls_may_not(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("späte Ernte +50% #1?.txt")

    file.upload_data(b"x", overwrite=True)

    assert file.download_file().readall() == b"x"


def test_a_missing_file_is_not_found(directory: DataLakeDirectoryClient) -> None:
    file = directory.get_file_client("missing")

    for call in (file.download_file, file.delete_file, file.get_file_properties):
        with pytest.raises(ResourceNotFoundError):
            call()
    with pytest.raises(ResourceNotFoundError):
        file.append_data(b"x", offset=0, length=1)


def test_a_file_is_not_created_twice_by_who_wants_it_new(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("x")
    file.upload_data(b"first", overwrite=True)

    with pytest.raises(ResourceExistsError):
        file.create_file(match_condition=None, if_none_match="*", headers={"If-None-Match": "*"})

    assert file.download_file().readall() == b"first"


def test_a_change_that_another_overtook_is_refused(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("x")
    etag = file.get_file_properties().etag
    file.upload_data(b"second", overwrite=True)

    with pytest.raises(ResourceModifiedError):
        file.delete_file(headers={"If-Match": etag})

    assert file.download_file().readall() == b"second"


def test_a_flush_over_a_gap_is_refused(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("x")
    file.append_data(b"later", offset=10, length=5)

    with pytest.raises(HttpResponseError) as caught:
        file.flush_data(15)

    assert caught.value.error_code == "InvalidFlushPosition"  # type: ignore[attr-defined]  # set by the client
    assert file.get_file_properties().size == 0


@pytest.mark.parametrize("audience", AUDIENCES)
def test_tokens_for_storage_are_taken_however_it_is_called(onelake: Lake, audience: str) -> None:
    with onelake.client(onelake.token(audience=audience)) as client:
        assert client.get_file_system_client(onelake.workspace).exists()


def test_a_token_for_another_service_is_refused(onelake: Lake) -> None:
    token = onelake.token(audience="https://api.fabric.microsoft.com")

    with onelake.client(token) as client, pytest.raises(ClientAuthenticationError):
        client.get_file_system_client(onelake.workspace).get_file_system_properties()


def test_a_viewer_reads_and_does_not_write(onelake: Lake, directory: DataLakeDirectoryClient) -> None:
    directory.create_file("x").upload_data(b"seen", overwrite=True)

    with onelake.client(onelake.token("viewer")) as client:
        seen = client.get_directory_client(onelake.workspace, directory.path_name)
        assert seen.get_file_client("x").download_file().readall() == b"seen"
        with pytest.raises(HttpResponseError) as caught:
            seen.create_file("y")

    assert caught.value.status_code == 403
    assert not directory.get_file_client("y").exists()


@pytest.mark.parametrize("user", ["stranger"])
def test_the_files_of_others_are_unknown(
    onelake: Lake, directory: DataLakeDirectoryClient, user: str
) -> None:
    with onelake.client(onelake.token(user)) as client:
        foreign = client.get_directory_client(onelake.workspace, directory.path_name)
        with pytest.raises(ResourceNotFoundError):
            foreign.get_directory_properties()
        with pytest.raises(ResourceNotFoundError):
            foreign.create_file("y")


def test_an_append_that_is_too_long_is_refused(directory: DataLakeDirectoryClient) -> None:
    file = directory.create_file("x")

    with pytest.raises(HttpResponseError) as caught:
        file.append_data(bytes(LONGEST_APPEND_BYTES + 1), offset=0, length=LONGEST_APPEND_BYTES + 1)

    assert caught.value.status_code == 413
