"""What no well-meaning client sends: told in the envelope of the storage API, and nothing changes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.faces.onelake.serving import LONGEST_APPEND_BYTES, LONGEST_FILE_BYTES, Lake
from weft.onelake.files import Files
from weft.onelake.uploads import Upload

DIGEST = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()


@pytest.fixture(scope="module")
def http(onelake: Lake) -> Iterator[httpx.Client]:
    with onelake.http() as client:
        yield client


@pytest.fixture
def file(http: httpx.Client, onelake: Lake) -> str:
    """The path of a file that holds "content"."""
    path = f"/{onelake.workspace}/{onelake.item}/Files/{uuid4()}/x"
    assert http.put(f"{path}?resource=file").status_code == 201
    assert http.patch(f"{path}?action=append&position=0", content=b"content").status_code == 202
    assert http.patch(f"{path}?action=flush&position=7").status_code == 200
    return path


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (status, code), answer.text
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-ms-request-id"])
    if answer.request.method != "HEAD":
        error = answer.json()["error"]
        assert error["code"] == code
        assert answer.headers["x-ms-request-id"] in error["message"]


CHANGES = [
    ("PUT", "?resource=tree", {}, 400, "UnsupportedOperation"),
    ("PUT", "", {}, 400, "UnsupportedOperation"),
    ("PUT", "?resource=directory", {}, 409, "PathConflict"),
    ("PUT", "/below?resource=file", {}, 409, "PathConflict"),
    ("PUT", "/below/it?resource=directory", {}, 409, "PathConflict"),
    ("PUT", "?resource=file", {"If-None-Match": "*"}, 409, "PathAlreadyExists"),
    ("PUT", "?resource=file", {"If-Match": '"other"'}, 412, "ConditionNotMet"),
    (
        "PUT",
        "?resource=file",
        {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:01 GMT"},
        412,
        "ConditionNotMet",
    ),
    ("PUT", "?resource=file", {"If-Unmodified-Since": "yesterday"}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "", {}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "?action=setProperties&position=0", {}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "?action=append", {}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "?action=append&position=-1", {}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "?action=append&position=x", {}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "?action=append&position=٣", {}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "?action=append&position=99999999999999999999", {}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "?action=append&position=9223372036854775807", {}, 413, "RequestBodyTooLarge"),
    ("PATCH", "?action=append&position=3", {}, 400, "InvalidFlushPosition"),
    ("PATCH", "?action=append&position=7", {"Content-MD5": "x"}, 400, "InvalidQueryParameterValue"),
    ("PATCH", "?action=append&position=7", {"Content-MD5": DIGEST}, 400, "Md5Mismatch"),
    ("PATCH", "?action=flush&position=6", {}, 400, "InvalidFlushPosition"),
    ("PATCH", "?action=flush&position=8", {}, 400, "InvalidFlushPosition"),
    ("PATCH", "?action=flush&position=7", {"If-None-Match": "*"}, 412, "ConditionNotMet"),
    ("DELETE", "?recursive=maybe", {}, 400, "InvalidQueryParameterValue"),
    ("DELETE", "", {"If-Match": '"other"'}, 412, "ConditionNotMet"),
    ("DELETE", "/below", {}, 409, "PathConflict"),
    ("POST", "", {}, 405, "UnsupportedHttpVerb"),
    ("GET", "?action=x", {"Range": "bytes=7-"}, 416, "InvalidRange"),
    ("GET", "", {"x-ms-range": "bytes=9-3"}, 416, "InvalidRange"),
    ("GET", "", {"If-Match": '"other"'}, 412, "ConditionNotMet"),
    ("HEAD", "?action=x", {}, 400, "InvalidQueryParameterValue"),
    ("HEAD", "/below", {}, 404, "PathNotFound"),
    ("GET", "/below", {}, 404, "PathNotFound"),
]


@pytest.mark.parametrize(("method", "query", "headers", "status", "code"), CHANGES)
def test_what_makes_no_sense_changes_nothing(
    http: httpx.Client, file: str, method: str, query: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = http.request(
        method, f"{file}{query}", headers=headers, content=b"abc" if method == "PATCH" else b""
    )

    refused(answer, status, code)
    assert http.get(file).content == b"content"


@pytest.mark.parametrize("name", ["resource", "action", "position"])
def test_a_parameter_that_is_there_twice_is_refused(http: httpx.Client, file: str, name: str) -> None:
    method = "PUT" if name == "resource" else "PATCH"
    query = {"resource": "file", "action": "append", "position": "7"}
    both = "&".join(f"{key}={value}" for key, value in (*query.items(), (name, query[name])))

    refused(http.request(method, f"{file}?{both}"), 400, "InvalidQueryParameterValue")
    assert http.get(file).content == b"content"


def test_who_has_the_current_file_is_told_so(http: httpx.Client, file: str) -> None:
    etag = http.head(file).headers["ETag"]

    answer = http.get(file, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    "value", ["lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "bytes=-3"]
)
def test_a_range_that_is_none_is_not_looked_at(http: httpx.Client, file: str, value: str) -> None:
    answer = http.get(file, headers={"Range": value})

    assert (answer.status_code, answer.content) == (200, b"content")


@pytest.mark.parametrize(
    ("value", "content"), [("bytes=0-0", b"c"), ("bytes=2-99", b"ntent"), ("bytes=6-", b"t")]
)
def test_a_range_ends_with_the_file(http: httpx.Client, file: str, value: str, content: bytes) -> None:
    answer = http.get(file, headers={"Range": value})

    assert (answer.status_code, answer.content) == (206, content)
    start = int(value[6])
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(content) - 1}/7"


@pytest.mark.parametrize("folder", ["", "/Files", "/Tables"])
@pytest.mark.parametrize(("method", "query"), [("DELETE", "?recursive=true"), ("PUT", "?resource=file")])
def test_what_belongs_to_the_item_stays(
    http: httpx.Client, onelake: Lake, folder: str, method: str, query: str
) -> None:
    path = f"/{onelake.workspace}/{onelake.item}{folder}"

    refused(http.request(method, f"{path}{query}"), 400, "UnsupportedOperation")
    assert http.head(path).headers["x-ms-resource-type"] == "directory"


def test_an_item_has_no_other_folders(http: httpx.Client, onelake: Lake) -> None:
    path = f"/{onelake.workspace}/{onelake.item}/Other/x"

    refused(http.put(f"{path}?resource=file"), 400, "UnsupportedOperation")
    refused(http.head(path), 404, "PathNotFound")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_workspace_is_not_made_here(http: httpx.Client, onelake: Lake, method: str) -> None:
    refused(http.request(method, f"/{onelake.workspace}?resource=filesystem"), 400, "UnsupportedOperation")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/{unknown}/{item}/Files", "FilesystemNotFound"),
        ("/no such workspace/{item}/Files", "FilesystemNotFound"),
        ("/{workspace}/{unknown}/Files", "PathNotFound"),
        ("/{workspace}/no such item.Thing/Files", "PathNotFound"),
        ("/{workspace}/the item/Files", "PathNotFound"),
        ("/", "ResourceNotFound"),
    ],
)
def test_what_is_not_there_is_not_found(http: httpx.Client, onelake: Lake, path: str, code: str) -> None:
    named = path.format(workspace=onelake.workspace, item=onelake.item, unknown=uuid4())

    refused(http.get(named), 404, code)


@pytest.mark.parametrize(
    "name",
    ["..", "../x", "%2e%2e/x", "a/../../x", "a%2f..%2fx", ".", "a//b", "a%5cb", "a%00b", "a%0ab", "%ff"],
)
def test_no_name_leads_out_of_the_item(onelake: Lake, name: str) -> None:
    raw = httpx.URL(f"https://localhost:{onelake.port}").copy_with(
        raw_path=f"/{onelake.workspace}/{onelake.item}/Files/{name}?resource=file".encode()
    )

    before = set((onelake.data / "onelake").rglob("*"))

    with onelake.http() as client:
        answer = client.put(raw)

    assert answer.status_code in (400, 404)
    assert set((onelake.data / "onelake").rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["a" * 256, "ä" * 128, "/".join("a" * 61), "a/" * 30 + "b" * 250 + "/" + "c" * 999]
)
def test_names_have_a_greatest_length(http: httpx.Client, onelake: Lake, name: str) -> None:
    path = f"/{onelake.workspace}/{onelake.item}/Files/{name}"

    refused(http.put(f"{path}?resource=file"), 400, "InvalidResourceName")


def test_a_file_has_a_greatest_size(http: httpx.Client, file: str) -> None:
    append = f"{file}?action=append&position={LONGEST_FILE_BYTES - 2}"

    refused(http.patch(append, content=b"abc"), 413, "RequestBodyTooLarge")
    refused(http.patch(append, content=iter([b"x", b"x", b"x"])), 413, "RequestBodyTooLarge")


def test_an_append_without_length_has_a_greatest_size_too(http: httpx.Client, file: str) -> None:
    parts = (bytes(100_000) for _ in range(LONGEST_APPEND_BYTES // 100_000 + 2))

    try:
        answer = http.patch(f"{file}?action=append&position=7", content=parts)
    except httpx.WriteError:
        return  # the server has closed: its answer was not read in time
    refused(answer, 413, "RequestBodyTooLarge")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?resource=account",
        "?resource=filesystem&recursive=x",
        "?resource=filesystem&maxResults=x",
        "?resource=filesystem&continuation=%25",
        "?resource=filesystem&continuation=Li4=",
        "?resource=filesystem&continuation=/w==",
        "?restype=container&comp=list",
    ],
)
def test_a_list_that_makes_no_sense_is_refused(http: httpx.Client, onelake: Lake, query: str) -> None:
    answer = http.get(f"/{onelake.workspace}{query}")

    assert answer.status_code == 400
    refused(answer, 400, answer.headers["x-ms-error-code"])


def test_a_file_is_not_listed_as_a_directory(http: httpx.Client, onelake: Lake, file: str) -> None:
    directory = file.removeprefix(f"/{onelake.workspace}/")

    refused(http.get(f"/{onelake.workspace}?resource=filesystem&directory={directory}"), 409, "PathConflict")


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ("", 400, "InvalidResourceName"),
        ("/", 400, "InvalidResourceName"),
        ("/only", 400, "InvalidResourceName"),
        ("/{workspace}/{item}/Files/missing", 404, "PathNotFound"),
        ("/{workspace}/{item}/Files", 400, "UnsupportedOperation"),
        ("/{workspace}/{item}/Files/../../x", 400, "InvalidResourceName"),
        ("/{unknown}/{item}/Files/x", 404, "FilesystemNotFound"),
        ("{file}", 400, "InvalidResourceName"),
    ],
)
def test_a_rename_that_makes_no_sense_changes_nothing(
    http: httpx.Client, onelake: Lake, file: str, source: str, status: int, code: str
) -> None:
    named = source.format(workspace=onelake.workspace, item=onelake.item, unknown=uuid4(), file=file)

    refused(http.put(file, headers={"x-ms-rename-source": named}), status, code)
    assert http.get(file).content == b"content"


def test_a_directory_does_not_become_a_file(http: httpx.Client, file: str) -> None:
    directory = f"{file.rpartition('/')[0]} other/deep"
    assert http.put(f"{directory}?resource=directory").status_code == 201

    refused(http.put(file, headers={"x-ms-rename-source": directory}), 409, "PathConflict")
    refused(http.put(directory, headers={"x-ms-rename-source": file}), 409, "PathConflict")
    below = f"{directory}/below"
    refused(http.put(below, headers={"x-ms-rename-source": directory}), 400, "InvalidResourceName")


@pytest.mark.parametrize("token", [None, "Bearer x", "Basic abc"])
def test_without_a_token_nothing_is_told(onelake: Lake, file: str, token: str | None) -> None:
    with onelake.http() as client:
        headers = {"Authorization": token} if token else {}
        if token is None:
            del client.headers["Authorization"]
        known = client.get(file, headers=headers)
        unknown = client.get("/nowhere", headers=headers)

    for answer in (known, unknown):
        refused(answer, 401, "InvalidAuthenticationInfo")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=https://")


def test_the_client_finds_its_request_again(http: httpx.Client, file: str) -> None:
    answer = http.head(file, headers={"x-ms-client-request-id": "mine"})

    assert answer.headers["x-ms-client-request-id"] == "mine"
    assert answer.headers["x-ms-version"] == "2023-11-03"


@pytest.mark.parametrize(
    ("method", "query", "headers"),
    [
        ("PUT", "?resource=file", {}),
        ("PATCH", "?action=append&position=7", {}),
        ("PATCH", "?action=flush&position=7", {}),
        ("DELETE", "", {}),
        ("PUT", " moved", {"x-ms-rename-source": "{file}"}),
    ],
)
def test_a_viewer_changes_nothing(
    http: httpx.Client, onelake: Lake, file: str, method: str, query: str, headers: dict[str, str]
) -> None:
    named = {name: value.format(file=file) for name, value in headers.items()}

    with onelake.http("viewer") as viewer:
        answer = viewer.request(method, f"{file}{query}", headers=named)

    refused(answer, 403, "AuthorizationPermissionMismatch")
    assert http.get(file).content == b"content"


def test_a_rename_needs_to_write_at_both_of_its_ends(http: httpx.Client, onelake: Lake, file: str) -> None:
    mine = f"{onelake.of_viewer}/{uuid4()}"

    with onelake.http("viewer") as viewer:
        assert viewer.put(f"{mine}?resource=file").status_code == 201
        for source, target in ((file, f"{mine} taken"), (mine, f"{file} brought")):
            answer = viewer.put(target, headers={"x-ms-rename-source": source})
            refused(answer, 403, "AuthorizationPermissionMismatch")
        assert viewer.head(mine).status_code == 200

    assert http.get(file).content == b"content"


def test_a_directory_that_holds_something_is_deleted_only_with_all_of_it(
    http: httpx.Client, file: str
) -> None:
    directory = file.rpartition("/")[0]

    refused(http.delete(directory), 409, "DirectoryNotEmpty")
    assert http.get(file).content == b"content"
    assert http.delete(f"{directory}?recursive=true").status_code == 200
    refused(http.get(file), 404, "PathNotFound")


def test_a_workspace_without_any_role_gives_no_source_of_a_rename(onelake: Lake, file: str) -> None:
    with onelake.http("stranger") as stranger:
        answer = stranger.put(f"{file} moved", headers={"x-ms-rename-source": file})

    refused(answer, 404, "FilesystemNotFound")


def test_no_append_waits_for_a_flush_where_requests_are_served(
    http: httpx.Client, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush holds the files for as long as it copies, and everybody would wait with the append."""
    ended: list[bool] = []
    before = Files.end_append

    def end_append(files: Files, upload: Upload, position: int, end: int | None) -> None:
        before(files, upload, position, end)
        ended.append(asyncio._get_running_loop() is None)

    monkeypatch.setattr(Files, "end_append", end_append)

    assert http.patch(f"{file}?action=append&position=7", content=b"more").status_code == 202
    refused(
        http.patch(f"{file}?action=append&position=11", content=b"x", headers={"Content-MD5": DIGEST}),
        400,
        "Md5Mismatch",
    )
    assert ended == [True, True]
