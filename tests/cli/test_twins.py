"""`weft twins` against a stand-in: what is asked of the server, what is printed, how it exits."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.cli.conftest import WEFT, Done
from tests.cli.twins_house import TwinsHouse, served
from weft.auth.issuer import TWINS_AUDIENCES
from weft.blobs.policy import Policy, UriRefused
from weft.cli import twins as twins_commands
from weft.cli.main import main
from weft.cli.twins_watching import Lines, Meter, Speed
from weft.client import ImportDetails, Progress
from weft.contracts.twins import Status
from weft.settings import BlobSettings

Weft = Callable[..., Done]

AT = {"timestamp": "2026-11-22T13:00:00.0000000Z"}
FAULT = {"code": "ImportFinishedWithErrors", "message": "2 of 4 entities were rejected."}


@pytest.fixture
def house() -> Iterator[TwinsHouse]:
    with served(TwinsHouse()) as it:
        yield it


@pytest.fixture
def weft(
    house: TwinsHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Weft:
    """Run a command that is pointed to the stand-in."""
    monkeypatch.setenv("WEFT_URL", house.url)
    monkeypatch.setenv("WEFT_TOKEN", "twins")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        code = main(["twins", *arguments])
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in.ndjson"
    path.touch()
    return path


def running(done: float, total: float = 100, text: str = "Twins: 1 of 2") -> dict[str, Any]:
    return {"status": "running", "progress": {"done": done, "total": total, "text": text}}


# ---- import


def test_an_import_is_told_absolute_paths_and_its_log_lies_beside_the_file(
    weft: Weft, house: TwinsHouse, file: Path
) -> None:
    done = weft("import", "in.ndjson")

    assert done.code == 0
    assert house.added["inputBlobUri"] == str(file)
    assert house.added["outputBlobUri"] == f"{file}.log"
    assert house.added["id"].startswith("import-job-")
    assert "status   succeeded" in done.out


def test_a_uri_is_passed_on_as_it_is_and_needs_a_place_for_its_log(weft: Weft, house: TwinsHouse) -> None:
    uri = "https://acct.blob.core.windows.net/c/in.ndjson?sig=secret"

    without = weft("import", uri)
    done = weft("import", uri, "--log", "out.log", "--id", "mine")

    assert (without.code, without.err) == (
        2,
        "weft: --log is needed where the file is the URI of a blob\n",
    )
    assert done.code == 0
    assert (house.added["id"], house.added["inputBlobUri"]) == ("mine", uri)


def test_a_file_that_is_not_there_is_said_before_the_server_is_asked(weft: Weft, house: TwinsHouse) -> None:
    done = weft("import", "missing.ndjson")

    assert done.code == 2
    assert "there is no file" in done.err
    assert house.calls == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["."], "is a directory, not a file to import"),
        (["n" * 300], "File name too long"),
        (["in.ndjson", "--log", "."], "which is a directory"),
        (["in.ndjson", "--log", "logs/in.log"], "there is no directory {here}/logs for the log"),
    ],
)
def test_a_path_that_cannot_be_used_is_said_before_the_server_is_asked(
    weft: Weft, house: TwinsHouse, file: Path, arguments: list[str], why: str
) -> None:
    done = weft("import", *arguments)

    assert done.code == 2
    assert why.format(here=file.parent) in done.err
    assert house.calls == []


def test_only_an_empty_file_or_a_log_is_overwritten_by_a_log(
    weft: Weft, house: TwinsHouse, file: Path
) -> None:
    log = file.with_name("other.ndjson")
    codes = []
    for content in ('{"Section": "Header"}', "", '{"timestamp":"2026-11-22T13:00:00.0000000Z"}'):
        log.write_text(content)
        codes.append(weft("import", str(file), "--no-wait", "--log", str(log)).code)

    assert codes == [2, 0, 0]
    assert len(house.calls) == 2


def test_an_import_that_is_not_waited_for_prints_its_id(weft: Weft, house: TwinsHouse, file: Path) -> None:
    done = weft("import", str(file), "--no-wait", "--id", "mine")

    assert (done.code, done.out, done.err) == (0, "mine\n", "")
    assert house.calls == ["PUT /jobs/imports/mine"]


def test_progress_is_told_in_lines_where_there_is_no_terminal(
    weft: Weft, house: TwinsHouse, file: Path
) -> None:
    house.steps = [{"status": "notstarted"}, running(1), running(2), {"status": "succeeded"}]

    done = weft("import", str(file), "--id", "j")

    assert done.err.splitlines() == ["j notstarted", "j running Twins: 1 of 2", "j succeeded"]


def test_json_leaves_nothing_else_on_stdout(weft: Weft, file: Path) -> None:
    done = weft("import", str(file), "--json")

    assert json.loads(done.out)["status"] == "succeeded"


def test_a_failed_import_exits_with_3_and_shows_what_was_rejected_first(
    weft: Weft, house: TwinsHouse, file: Path
) -> None:
    house.steps = [{"status": "failed", "error": FAULT}]
    rejected = {"section": "Twins", "line": 7, "exceptionType": "ModelNotFound", "message": "no \x1b model"}
    events = [
        {"logType": "Info", "details": {"status": "Started"}},
        {"logType": "Error", "details": rejected},
        {"logType": "Error", "details": {"section": "Twins", "status": "Failed"}},
    ]
    log = "\n".join(json.dumps(AT | event) for event in events) + '\n{"torn'
    file.with_name("in.ndjson.log").write_text(log)

    done = weft("import", str(file))

    assert done.code == 3
    assert "ImportFinishedWithErrors: 2 of 4 entities were rejected." in done.out
    assert done.out.splitlines()[-1] == "    line 7: ModelNotFound: no \\x1b model"


def test_a_long_log_shows_ten_rejected_lines_and_where_there_are_more(
    weft: Weft, house: TwinsHouse, file: Path
) -> None:
    house.steps = [{"status": "failed", "error": FAULT}]
    log = file.with_name("x.log")
    log.write_text(
        "".join(
            json.dumps(
                AT | {"logType": "Error", "details": {"line": n, "exceptionType": "E", "message": "m"}}
            )
            + "\n"
            for n in range(1, 30)
        )
    )

    done = weft("import", str(file), "--log", str(log))

    assert done.out.splitlines()[-2:] == ["    line 10: E: m", f"    ... more in {log}"]


def test_a_failed_import_whose_log_we_cannot_read_shows_its_error(
    weft: Weft, house: TwinsHouse, file: Path
) -> None:
    house.steps = [{"status": "failed", "error": FAULT}]

    done = weft("import", str(file), "--log", "https://acct.blob.core.windows.net/c/out.log")

    assert done.code == 3
    assert "ImportFinishedWithErrors" in done.out.splitlines()[-1]


def test_an_import_that_somebody_cancels_exits_with_4(weft: Weft, house: TwinsHouse, file: Path) -> None:
    house.steps = [running(1), {"status": "cancelling"}, {"status": "cancelled"}]

    assert weft("import", str(file)).code == 4


@pytest.mark.parametrize(("which", "log"), [("in.ndjson", "out.log"), ("out.log", "out.log")])
def test_a_file_outside_of_the_blob_roots_is_told_with_what_to_do(
    weft: Weft, house: TwinsHouse, file: Path, which: str, log: str
) -> None:
    outside = file.with_name(which)
    with pytest.raises(UriRefused) as refused:
        Policy(BlobSettings()).check_uri(str(outside))
    house.refusal = (400, {"code": "InvalidArgument", "message": refused.value.message})

    done = weft("import", str(file), "--log", log)

    assert done.code == 1
    assert done.err == (
        f"weft: the server may not use {outside}: imports read and write below its blob roots only "
        "(weft up --blob-root DIR)\n"
    )


def test_another_refusal_is_told_in_the_words_of_the_server(
    weft: Weft, house: TwinsHouse, file: Path
) -> None:
    house.refusal = (429, {"code": "TooManyRequests", "message": "Cannot start another job."})

    done = weft("import", str(file))

    assert (done.code, done.err) == (1, "weft: TooManyRequests: Cannot start another job.\n")


def test_ctrl_c_cancels_the_import_and_waits_until_it_is(house: TwinsHouse, file: Path) -> None:
    house.steps = [running(1)]
    process = _start(house, file)
    assert house.looked.wait(60)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 4, err
    assert "cancelling j" in err
    assert "status   cancelled" in out
    assert house.calls.count("POST /jobs/imports/j/cancel") == 1


def test_an_import_that_ends_in_spite_of_ctrl_c_says_so(
    house: TwinsHouse, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.steps = [running(1)]
    monkeypatch.setattr(house, "cancelled", lambda: setattr(house, "steps", [{"status": "succeeded"}]))
    process = _start(house, file)
    assert house.looked.wait(60)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert "status   succeeded" in out
    assert err.splitlines()[-1] == "weft: j ended before it could be cancelled"


def test_a_second_ctrl_c_leaves_the_import_to_itself(
    house: TwinsHouse, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.steps = [running(1)]
    monkeypatch.setattr(house, "cancelled", lambda: None)  # it is never cancelled
    process = _start(house, file)
    assert house.looked.wait(60)
    assert process.stderr is not None

    process.send_signal(signal.SIGINT)
    while "cancelling" not in (line := process.stderr.readline()):
        assert line, "it ended"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("import", "in.ndjson"), r"Twins: 1 of 2 .*entities/s, \d+:\d\d left"),
        (("generate", "--buildings", "300", "--out", "b.ndjson"), r"\d+%"),
    ],
)
def test_a_terminal_is_shown_a_live_bar(
    house: TwinsHouse, file: Path, arguments: tuple[str, ...], shown: str
) -> None:
    house.steps = [running(done) for done in (1, 5, 9, 12)] + [{"status": "succeeded"}]
    ours, theirs = os.openpty()
    environment = {**os.environ, "WEFT_URL": house.url, "WEFT_TOKEN": "t", "TERM": "xterm", "COLUMNS": "120"}

    with open(ours, "rb", buffering=0) as screen:  # noqa: PTH123 - a descriptor, not a path
        process = subprocess.Popen(
            [WEFT, "twins", *arguments],
            cwd=file.parent,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        seen = _all_of(screen)
        assert process.wait(60) == 0

    assert re.search(shown, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen))


def _all_of(screen: IO[bytes]) -> str:
    """Return what is shown until nobody can show more, which the kernel says by an error."""
    parts = []
    with contextlib.suppress(OSError):
        while part := screen.read(4096):
            parts.append(part)
    return b"".join(parts).decode(errors="replace")


def _start(house: TwinsHouse, file: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "WEFT_URL": house.url, "WEFT_TOKEN": "twins"}
    # A test run in the background of a shell ignores Ctrl-C, and its children would.
    command = ["env", "--default-signal=INT", WEFT, "twins", "import", str(file), "--id", "j"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)


# ---- the others


def test_jobs_are_listed_and_shown_and_cancelled_and_deleted(
    weft: Weft, house: TwinsHouse, file: Path
) -> None:
    house.steps = [running(5, text="Twins: 5 of 9")]
    weft("import", str(file), "--no-wait", "--id", "j")
    house.calls.clear()

    listed = weft("jobs")
    shown = weft("show", "j")
    cancelled = weft("cancel", "j")
    deleted = weft("delete", "j")

    assert listed.out.splitlines()[1].split() == ["j", "running", "2026-11-22T09:00:00.5Z", str(file)]
    assert "progress  Twins: 5 of 9" in shown.out
    assert cancelled.out == "cancel requested, status cancelling\n"
    assert (deleted.code, deleted.out) == (0, "")
    assert house.calls == [
        "GET /jobs/imports",
        "GET /weft/v1/twins/imports/j",
        "POST /jobs/imports/j/cancel",
        "DELETE /jobs/imports/j",
    ]


@pytest.mark.parametrize("command", [("jobs",), ("show", "j"), ("stats",), ("cancel", "j")])
def test_json_is_printed_alone(weft: Weft, file: Path, command: tuple[str, ...]) -> None:
    weft("import", str(file), "--no-wait", "--id", "j")

    assert json.loads(weft(*command, "--json").out)


def test_the_size_of_the_graph_is_shown(weft: Weft) -> None:
    assert weft("stats").out == "models         13\ntwins          401\nrelationships  593\n"


def test_a_query_prints_a_line_for_each_result(weft: Weft) -> None:
    text = "SELECT * FROM digitaltwins"

    done = weft("query", text)

    assert done.out.splitlines() == ['{"$dtId":"a"}', f'{{"asked":"{text}"}}']
    assert json.loads(weft("query", text, "--json").out)[0] == {"$dtId": "a"}


def test_all_is_deleted_only_where_somebody_said_so(weft: Weft, house: TwinsHouse) -> None:
    unasked = weft("delete-all")
    started = weft("delete-all", "--yes")
    ended = weft("delete-all", "--yes", "--wait")

    assert (unasked.code, started.code, ended.code) == (2, 0, 0)
    assert "status  notstarted" in started.out
    assert "status  succeeded" in ended.out
    assert (started.err, ended.err) == ("", "weft: deleting, as job d1; Ctrl-C leaves it to itself\n")
    assert house.calls.count("POST /jobs/deletions") == 2


@pytest.mark.parametrize(("answer", "deletes"), [("y", 1), ("YES ", 1), ("", 0), ("n", 0)])
def test_a_person_is_asked_before_all_is_deleted(
    weft: Weft, house: TwinsHouse, monkeypatch: pytest.MonkeyPatch, answer: str, deletes: int
) -> None:
    asked: list[str] = []

    def answered(text: str) -> str:
        asked.append(text)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", answered)

    done = weft("delete-all")

    assert asked == ["Delete everything (13 models, 401 twins, 593 relationships)? [y/N] "]
    assert house.calls.count("POST /jobs/deletions") == deletes
    assert done.code == (0 if deletes else 1)


def test_a_command_signs_its_own_token_for_the_twins(
    weft: Weft, house: TwinsHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEFT_TOKEN")
    data = tmp_path / "data"
    assert main(["token", "--data", str(data)]) == 0

    assert weft("stats", "--data", str(data)).code == 0

    (sent,) = house.tokens
    assert TWINS_AUDIENCES[0] in _claims(sent)


def test_a_key_that_the_server_does_not_know_is_told_as_that(
    weft: Weft, house: TwinsHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEFT_TOKEN")
    house.lets_in = False
    data = tmp_path / "data"
    assert main(["token", "--data", str(data)]) == 0

    done = weft("stats", "--data", str(data))

    assert (done.code, done.err.partition(";")[0]) == (
        1,
        f"weft: {house.url} does not know the key of {data}",
    )


def _claims(bearer: str) -> str:
    return urlsafe_b64decode(bearer.split(".")[1] + "==").decode()


# ---- generate


def test_a_graph_is_generated_without_a_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEFT_URL", raising=False)
    out = tmp_path / "b.ndjson"

    code = main(["twins", "generate", "--buildings", "2", "--out", str(out), "--json"])

    written = json.loads(capsys.readouterr().out)
    assert code == 0
    assert written["twins"] == out.read_bytes().count(b'"$model"')
    assert written["relationships"] == out.read_bytes().count(b'"$relationshipId"')


@pytest.mark.parametrize(
    "options", [["--buildings", "0"], ["--buildings", "-3"], ["--buildings", "1", "--seed", "-1"]]
)
def test_a_graph_of_no_size_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    code = main(["twins", "generate", "--out", str(tmp_path / "b"), *options])

    assert code == 2
    assert list(tmp_path.iterdir()) == []
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_graph_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "missing" / "b"

    code = main(["twins", "generate", "--buildings", "1", "--out", str(out)])

    assert (code, capsys.readouterr().err) == (1, f"weft: cannot write {out}: No such file or directory\n")


# ---- the speed


def progress(done: float, text: str = "Twins") -> Progress:
    return Progress(done, 1000, text)


def test_the_speed_is_that_of_the_last_looks_and_says_what_is_left() -> None:
    meter = Meter()

    first = meter.hear(progress(100), 10.0)
    second = meter.hear(progress(300), 12.0)

    assert first == Speed()
    assert second == Speed(100.0, 7.0)
    assert str(second) == "100 entities/s, 0:07 left"


def test_the_first_pass_over_the_file_counts_no_entities() -> None:
    meter = Meter()
    meter.hear(progress(0, "Checking the format: 0%"), 1.0)

    assert meter.hear(progress(900, "Checking the format: 90%"), 2.0) == Speed()
    assert meter.hear(progress(10), 3.0) == Speed()
    assert meter.hear(progress(20), 4.0).per_second == 10


def test_an_import_that_begins_again_is_measured_anew() -> None:
    meter = Meter()
    meter.hear(progress(500), 1.0)

    assert meter.hear(progress(100), 2.0) == Speed()
    assert meter.hear(progress(200), 3.0).per_second == 100


def test_lines_come_every_five_seconds_and_with_every_new_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    lines = Lines("j", clock=lambda: now[0])
    for at, done, status in (
        (0.0, 0, "running"),
        (4.9, 490, "running"),
        (5.0, 500, "running"),
        (5.1, 510, "failed"),
    ):
        now[0] = at
        lines(_details(status, progress(done, f"Twins: {done}")))

    assert capsys.readouterr().err.splitlines() == [
        "j running Twins: 0",
        "j running Twins: 500 100 entities/s, 0:05 left",
        "j failed",
    ]


def _details(status: str, told: Progress) -> ImportDetails:
    at = "2026-11-22T09:00:00Z"
    return ImportDetails(
        id="j",
        input_blob_uri="/in",
        output_blob_uri="/out",
        created_date_time=at,
        last_action_date_time=at,
        purge_date_time=at,
        status=Status(status),
        progress=told,
    )


def test_the_group_of_commands_is_complete() -> None:
    known = set(twins_commands.app)

    assert known >= {
        "import", "jobs", "show", "cancel", "delete", "delete-all", "stats", "query", "generate",
    }  # fmt: skip
