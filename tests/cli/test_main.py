"""The `weft` command as a process: its version, its errors, and what happens when its user leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import WEFT, Weft, weft_at
from tests.client.scripted import Say, scripted
from tests.client.test_client import ITEM, J, W, details
from weft.cli.connect import PATIENCE


def test_the_version_is_told_without_loading_what_commands_need() -> None:
    program = (
        "import sys\nfrom weft.cli.main import main\ncode = main(['--version'])\n"
        "print(*sys.modules, file=sys.stderr)\nsys.exit(code)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("weft 0.")
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"cyclopts", "rich", "aiohttp", "starlette", "uvicorn", "numpy"}


@pytest.mark.parametrize("arguments", [("frobnicate",), ("--frobnicate",), ("up", "--port", "many")])
def test_what_is_not_understood_exits_with_2_and_one_line(weft: Weft, arguments: tuple[str, ...]) -> None:
    done = weft(*arguments)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("weft: ")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["up", "demo", "doctor", "token", "workspace", "item", "job", "twins"])
def test_every_command_explains_itself(weft: Weft, command: str) -> None:
    done = weft(command, "--help")

    assert done.code == 0
    assert f"Usage: weft {command}" in done.out


def test_without_a_server_a_command_says_how_to_start_one(
    weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_DATA", str(tmp_path / "none at all"))

    done = weft("workspace", "list")

    assert done.code == 1
    assert f"start one with: weft up --data '{tmp_path}/none at all'" in done.err
    assert not (tmp_path / "none at all").exists()


def test_the_option_for_the_data_directory_beats_the_environment(
    weft: Weft, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_DATA", str(tmp_path))

    assert weft("workspace", "list", "--data", str(served)).code == 0


def test_a_server_that_was_killed_is_not_called(weft: Weft, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "server.json").write_text(
        f'{{"url": "http://127.0.0.1:1", "pid": {ended.pid}, "version": "0"}}'
    )

    done = weft("workspace", "list", "--data", str(tmp_path))

    assert done.code == 1
    assert "no server runs on" in done.err


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"url": 7}', b'{"url": "\xe9"}'])
def test_a_damaged_server_file_is_named(weft: Weft, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "server.json").write_bytes(content)

    done = weft("workspace", "list", "--data", str(tmp_path))

    assert done.code == 1
    assert str(tmp_path / "server.json") in done.err


async def test_the_environment_points_elsewhere_with_its_own_token(
    weft: Weft, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted(Say(body={"value": []})) as server:
        await weft_at(server.url, "workspace", "list")

    assert server.heard[0].headers["Authorization"] == "Bearer elsewhere"


def test_a_foreign_server_is_not_sent_a_token_of_ours(weft: Weft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_URL", "http://192.0.2.1:7431")

    done = weft("workspace", "list")

    assert done.code == 2
    assert "set WEFT_TOKEN" in done.err


@pytest.mark.parametrize("made", [[], ["tenant"]])
def test_a_command_that_has_no_key_says_so_and_makes_none(
    weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[str]
) -> None:
    monkeypatch.setenv("WEFT_URL", "http://127.0.0.1:7431")
    for name in made:
        (tmp_path / name).write_text("0b2ff4c1-39b8-4a0c-9d7e-2f6a8f0a6d11\n")

    done = weft("workspace", "list", "--data", str(tmp_path))

    assert done.code == 1
    assert done.err == f"weft: {_unknown_key('http://127.0.0.1:7431', tmp_path)}\n"
    assert [path.name for path in tmp_path.iterdir()] == made


def test_a_key_that_the_server_does_not_know_is_told_as_that(
    weft: Weft, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = json.loads((served / "server.json").read_bytes())["url"]
    monkeypatch.setenv("WEFT_URL", url)
    assert weft("token", "--data", str(tmp_path)).code == 0

    done = weft("workspace", "list", "--data", str(tmp_path))

    assert done.code == 1
    assert done.err == f"weft: {_unknown_key(url, tmp_path)}\n"


def test_a_token_that_was_given_and_is_refused_is_told_in_the_words_of_the_server(
    weft: Weft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_TOKEN", "nonsense")

    done = weft("workspace", "list")

    assert done.code == 1
    assert done.err.startswith("weft: InvalidToken")


def _unknown_key(url: str, data: Path) -> str:
    return f"{url} does not know the key of {data}; set WEFT_TOKEN, or --data to that server's directory"


@pytest.mark.parametrize("token", ["t", ""])
@pytest.mark.parametrize("url", ["localhost:7431", "127.0.0.1:7431"])
def test_an_address_that_is_none_is_a_usage_error(
    weft: Weft, monkeypatch: pytest.MonkeyPatch, url: str, token: str
) -> None:
    monkeypatch.setenv("WEFT_URL", url)
    monkeypatch.setenv("WEFT_TOKEN", token)

    done = weft("workspace", "list")

    assert done.code == 2
    assert done.err == f"weft: WEFT_URL: {url!r} is no address such as http://127.0.0.1:7431\n"


async def test_a_job_that_was_skipped_exits_with_5() -> None:
    async with scripted(Say(body=details("Deduped"))) as server:
        code, _, _ = await weft_at(server.url, "job", "wait", W, ITEM, J)

    assert code == 5


async def test_a_server_that_gives_no_answer_is_one_line(weft: Weft) -> None:
    async with scripted(Say(text="<html>")) as server:
        code, out, err = await weft_at(server.url, "workspace", "list")

    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1


def test_a_reader_that_leaves_early_is_no_traceback(served: Path) -> None:
    process = _start("job", "--help", data=served, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()  # before a byte was written

    _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("given", [False, True])
def test_ctrl_c_while_waiting_exits_with_130_and_leaves_the_job(
    served: Path, weft: Weft, place: tuple[str, str], tmp_path: Path, given: bool
) -> None:
    link = tmp_path / "the data"
    link.symlink_to(served)
    option = ["--data", str(link)] if given else []
    process = _start("job", "run", *place, "hang", "--wait", *option, data=served)
    assert process.stderr is not None
    while "InProgress" not in (line := process.stderr.readline()):
        assert line, "it ended"

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    job = weft("job", "list", *place).out.splitlines()[1].split()[0]
    assert process.returncode == 130
    assert f"job {job} goes on; stop it with: weft job cancel" in err
    assert err.splitlines()[-1].endswith(f" {job} --data '{link}'" if given else f" {job}")
    assert "Traceback" not in err
    assert weft("job", "cancel", *place, job).code == 0


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, ""), (46, "weft: the server asks for patience; trying again in 46 s\n")]
)
def test_a_long_pause_is_told_on_stderr(
    seconds: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert PATIENCE.told is not None

    PATIENCE.told(seconds)

    assert capsys.readouterr() == ("", said)


def _start(*arguments: str, data: Path, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    environment = {**os.environ, "WEFT_DATA": str(data)}
    # A test run in the background of a shell ignores Ctrl-C, and its children would.
    command = ["env", "--default-signal=INT", WEFT, *arguments]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment)
