"""Opening by URI from a packed config, as the process does that reads an import."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.blobs.storage import FakeStorage
from weft.blobs.opening import open_log, open_source, pack_config
from weft.blobs.ports import BlobChanged, BlobForbidden
from weft.settings import BlobSettings

ACCT = "https://acct.blob.core.windows.net"


@pytest.fixture
def config(root: Path) -> bytes:
    return pack_config(BlobSettings(roots=(root,)), f"{root}/in", f"{root}/log")


def test_a_file_is_read_and_its_log_written(root: Path, config: bytes) -> None:
    (root / "in").write_bytes(b"content")

    with closing(open_source(f"file://{root}/in", config)) as source:
        content = b"".join(source.read())
    with closing(open_log(f"{root}/log", config)) as log:
        log.create()
        log.write(0, b"one\n")

    assert content == b"content"
    assert (root / "log").read_bytes() == b"one\n"


def test_what_is_private_is_opened_by_no_process(root: Path) -> None:
    (root / "data").mkdir()
    (root / "data" / "secret").write_bytes(b"secret")
    config = pack_config(BlobSettings(roots=(root,), private=(root / "data",)))

    for open_blob in (open_source, open_log):
        with pytest.raises(BlobForbidden, match="keeps its own data"):
            open_blob(f"{root}/data/secret", config)


def test_a_file_is_opened_with_the_expected_tag_only(root: Path, config: bytes) -> None:
    (root / "in").write_bytes(b"content")

    with pytest.raises(BlobChanged):
        open_source(f"{root}/in", config, tag="another")


def test_what_is_not_allowed_is_not_opened_either(config: bytes) -> None:
    for uri in ("/etc/passwd", f"{ACCT}/cont/b?sig=S3CR3T", "nonsense"):
        with pytest.raises(BlobForbidden, match="failed validation") as source:
            open_source(uri, config)
        with pytest.raises(BlobForbidden, match="failed validation"):
            open_log(uri, config)

        assert "S3CR3T" not in f"{source.value!r}"


def test_a_link_that_came_after_the_check_leads_nowhere(root: Path, config: bytes) -> None:
    (root / "in").symlink_to("/etc/passwd")

    with pytest.raises(BlobForbidden):
        open_source(f"{root}/in", config)


def test_a_log_that_has_become_the_input_is_not_emptied(root: Path, config: bytes) -> None:
    (root / "in").write_bytes(b"content")
    (root / "log").hardlink_to(root / "in")

    with pytest.raises(BlobForbidden, match="is the input"):
        open_log(f"{root}/log", config)

    assert (root / "in").read_bytes() == b"content"


def test_a_redacted_uri_stands_for_the_one_that_was_packed() -> None:
    with FakeStorage(b"content") as storage:
        uri = f"{storage.url}/cont/blob"
        config = pack_config(BlobSettings(hosts=(storage.url,)), f"{uri}?sig=S3CR3T")
        with closing(open_source(f"{uri}?sig=REDACTED", config)) as source:
            content = b"".join(source.read())
        with closing(open_log(f"{uri}?sig=REDACTED", config)) as log:
            log.create()

        assert content == b"content"
        assert {request.path for request in storage.seen} == {"/cont/blob?sig=S3CR3T"}


def test_the_config_holds_all_that_is_needed(root: Path, config: bytes) -> None:
    (root / "in").write_bytes(b"content")
    code = (
        "import sys\n"
        "from weft.blobs.opening import open_source\n"
        "source = open_source(sys.argv[1], sys.stdin.buffer.read())\n"
        "sys.stdout.buffer.write(b''.join(source.read()))\n"
        "assert 'azure' not in sys.modules and 'requests' not in sys.modules\n"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", code, f"{root}/in"],
        input=config,
        capture_output=True,
        env={},
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, b"content"), done.stderr
