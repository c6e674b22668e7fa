"""`weft job`, `weft workspace` and `weft item` against a real server: what they print and how they exit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.cli.conftest import Weft
from tests.cli.workload import ITEM_TYPE, OTHER_TYPE
from weft.cli.demo import ITEM_TYPE as DEMO_TYPE
from weft.cli.demo import JOB_TYPE

Place = tuple[str, str]
NO_JOB = "63f77191-432d-4ee6-9c5f-31a1a6987072"


def test_a_workspace_is_created_and_listed(weft: Weft) -> None:
    name = f"Sales {uuid4()}"

    created = weft("workspace", "create", name)
    listed = weft("workspace", "list")

    assert created.code == 0
    assert str(UUID(created.out.strip())) == created.out.strip()
    assert f"{created.out.strip()}  {name}" in listed.out.splitlines()


def test_a_name_that_is_taken_is_an_error_in_one_line(weft: Weft, place: Place) -> None:
    again = weft("workspace", "create", place[0])

    assert again.code == 1
    assert again.out == ""
    assert len(again.err.splitlines()) == 1
    assert again.err.startswith("weft: ")


def test_items_are_listed_by_type(weft: Weft, place: Place) -> None:
    found = json.loads(weft("item", "list", place[0], "--type", ITEM_TYPE, "--json").out)
    others = json.loads(weft("item", "list", place[0], "--type", OTHER_TYPE, "--json").out)

    assert [item["displayName"] for item in found] == [place[1]]
    assert others == []


def test_a_workspace_and_an_item_are_found_by_id_too(weft: Weft, place: Place) -> None:
    workspaces = json.loads(weft("workspace", "list", "--json").out)
    workspace = next(known["id"] for known in workspaces if known["displayName"] == place[0])
    item = json.loads(weft("item", "list", workspace, "--json").out)[0]["id"]

    assert weft("job", "list", workspace.upper(), item).code == 0


@pytest.mark.parametrize("which", [0, 1])
def test_an_unknown_name_is_an_error_that_repeats_it(weft: Weft, place: Place, which: int) -> None:
    given = list(place)
    given[which] = "no such thing"

    done = weft("job", "list", *given)

    assert done.code == 1
    assert done.err == f"weft: no {('workspace', 'item')[which]} is named 'no such thing'\n"


def test_a_name_that_two_items_have_is_not_guessed(weft: Weft, place: Place) -> None:
    assert weft("item", "create", *place, "--type", OTHER_TYPE).code == 0

    done = weft("job", "list", *place)

    assert done.code == 1
    assert "2 items are named 'the thing'; give one of the ids" in done.err


def test_a_run_without_waiting_prints_the_id_and_exits_with_0(weft: Weft, place: Place) -> None:
    done = weft("job", "run", *place, "answer")

    assert (done.code, done.err) == (0, "")
    assert str(UUID(done.out.strip())) == done.out.strip()


def test_a_completed_job_exits_with_0_and_shows_its_result(weft: Weft, place: Place) -> None:
    done = weft("job", "run", *place, "answer", "--wait", "--payload", '{"x": 1.50}')

    assert done.code == 0
    assert '"answer": 42' in done.out
    assert "status    Completed" in done.out
    assert "Completed 1/2 half done" in done.err


def test_json_leaves_nothing_else_on_stdout(weft: Weft, place: Place) -> None:
    done = weft("job", "run", *place, "answer", "--wait", "--json", "--payload", '{"x": 1}')

    ended = json.loads(done.out)
    assert (ended["status"], ended["result"]) == ("Completed", {"answer": 42, "payload": {"x": 1}})


def test_a_failed_job_exits_with_3_and_says_why(weft: Weft, place: Place) -> None:
    done = weft("job", "run", *place, "fail", "--wait")

    assert done.code == 3
    assert "OutOfYarn: there is no more yarn" in done.out


@pytest.mark.parametrize("command", ["run", "wait", "show"])
def test_a_job_that_raised_shows_where_and_why_below_its_error(
    weft: Weft, place: Place, command: str
) -> None:
    done = weft("job", "run", *place, "divide", "--wait")
    if command != "run":
        job = done.out.split()[1]
        done = weft("job", command, *place, job)

    lines = done.out.splitlines()
    error = next(number for number, line in enumerate(lines) if line.startswith("error "))
    frame, cause = lines[error + 1 :]
    assert lines[error].endswith("ValueError: no such share")
    assert re.fullmatch(r"    /.*/workload\.py:\d+ in divide: raise ValueError.*", frame)
    assert cause == "    Cause: ZeroDivisionError: division by zero"


def test_a_traceback_of_many_lines_is_shown_as_such(weft: Weft, place: Place) -> None:
    done = weft("job", "run", *place, "recite", "--wait")

    assert done.code == 3
    assert done.out.endswith("Tangled: the yarn is tangled\n    Cell 1:\n      knit()\n    \\x1b[31mred\n")


def test_a_cancelled_job_exits_with_4(weft: Weft, place: Place) -> None:
    job = weft("job", "run", *place, "hang").out.strip()

    cancelled = weft("job", "cancel", *place, job)
    ended = weft("job", "wait", *place, job)

    assert cancelled.code == 0
    assert "cancel requested" in cancelled.out
    assert ended.code == 4
    assert "Cancelled" in ended.out


def test_a_cancel_of_an_ended_job_is_an_error(weft: Weft, place: Place) -> None:
    job = json.loads(weft("job", "run", *place, "answer", "--wait", "--json").out)["id"]

    done = weft("job", "cancel", *place, job)

    assert done.code == 1
    assert "JobAlreadyCompleted" in done.err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_wait_that_takes_too_long_exits_with_6_and_leaves_the_job(
    weft: Weft, place: Place, flags: list[str]
) -> None:
    done = weft("job", "run", *place, "hang", "--wait", "--timeout", "0.3", *flags)

    job = json.loads(weft("job", "list", *place, "--json").out)[0]
    weft("job", "cancel", *place, job["id"])
    assert done.code == 6
    assert "has not ended within 0.3 seconds; it goes on" in done.err
    assert job["status"] in ("NotStarted", "InProgress")


def test_show_tells_progress_result_and_times(weft: Weft, place: Place) -> None:
    job = json.loads(weft("job", "run", *place, "answer", "--wait", "--json").out)["id"]

    done = weft("job", "show", *place, job)

    assert done.code == 0
    assert "progress  1/2 half done" in done.out
    assert '"answer": 42' in done.out


def test_jobs_are_listed_newest_first_and_as_many_as_asked_for(weft: Weft, place: Place) -> None:
    ids = [weft("job", "run", *place, "answer").out.strip() for _ in range(3)]

    listed = json.loads(weft("job", "list", *place, "--json").out)
    limited = json.loads(weft("job", "list", *place, "--json", "--limit", "2").out)

    assert [job["id"] for job in listed] == ids[::-1]
    assert [job["id"] for job in limited] == ids[:0:-1]


def test_logs_follow_a_job_to_its_end_without_steering_the_terminal(weft: Weft, place: Place) -> None:
    job = weft("job", "run", *place, "answer").out.strip()

    done = weft("job", "logs", "-f", *place, job)

    assert done.code == 0
    assert [line.split(maxsplit=2)[1:] for line in done.out.splitlines()] == [
        ["info", "thinking"],
        ["warning", "\\x1b[31mred\\x1b[0m"],
    ]


def test_logs_as_json_are_a_line_each(weft: Weft, place: Place) -> None:
    job = json.loads(weft("job", "run", *place, "answer", "--wait", "--json").out)["id"]

    done = weft("job", "logs", *place, job, "--json")

    assert [json.loads(line)["number"] for line in done.out.splitlines()] == [1, 2]


@pytest.mark.parametrize("command", ["show", "wait", "cancel", "logs"])
def test_an_unknown_job_is_an_error(weft: Weft, place: Place, command: str) -> None:
    done = weft("job", command, *place, NO_JOB)

    assert done.code == 1
    assert len(done.err.splitlines()) == 1


def test_an_unknown_job_type_is_an_error(weft: Weft, place: Place) -> None:
    done = weft("job", "run", *place, "nonsense")

    assert done.code == 1
    assert done.err.startswith(
        f"weft: the server hosts no job type nonsense for items of type {ITEM_TYPE}; "
        "write it out as its workload names it: InvalidJobType: "
    )


@pytest.mark.parametrize(
    ("item_type", "hint"),
    [
        ("DataPipeline", "or give it one with weft up --map DataPipeline=TYPE/JOB: InvalidJobType: "),
        ("PythonScript", ", Execute where builtin is true below [server] in weft.toml: InvalidJobType: "),
    ],
)
def test_a_published_type_without_the_job_is_told_how_it_gets_one(
    weft: Weft, place: Place, item_type: str, hint: str
) -> None:
    assert weft("item", "create", place[0], "published", "--type", item_type).code == 0

    done = weft("job", "run", place[0], "published", "Pipeline")

    assert done.code == 1
    assert hint in done.err


def test_an_item_type_that_no_workload_has_is_an_error(weft: Weft, place: Place) -> None:
    done = weft("item", "create", place[0], "another", "--type", "No.Such.Type")

    assert done.code == 1
    assert done.err.startswith(
        "weft: the server hosts no workload for items of type No.Such.Type (--type names another; "
        "weft up --workload, --manifest or --workload-url hosts one): InvalidItemType: "
    )


def test_a_refusal_for_another_reason_is_told_in_the_words_of_the_server(weft: Weft, place: Place) -> None:
    workspace = next(
        known["id"]
        for known in json.loads(weft("workspace", "list", "--json").out)
        if known["displayName"] == place[0]
    )

    done = weft("job", "run", workspace, NO_JOB, "answer")

    assert done.code == 1
    assert done.err.startswith("weft: ItemNotFound")


def test_the_demo_on_a_server_without_its_workload_says_what_to_host(weft: Weft) -> None:
    done = weft("demo")

    assert done.code == 1
    assert done.err.startswith(
        f"weft: the server hosts no workload with job type {JOB_TYPE} for items of type {DEMO_TYPE} "
        "(weft up --workload, --manifest or --workload-url hosts one): InvalidItemType: "
    )


def test_a_payload_comes_from_a_file_too(weft: Weft, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"from": "file"}')

    done = weft("job", "run", *place, "answer", "--wait", "--json", "--payload", f"@{file}")

    assert json.loads(done.out)["result"]["payload"] == {"from": "file"}


@pytest.mark.parametrize("content", [b'{"name": "caf\xe9"}', b'{"name": ' + b"[" * 100_000])
def test_a_payload_that_cannot_be_read_is_a_usage_error_in_one_line(
    weft: Weft, place: Place, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "payload.json"
    file.write_bytes(content)

    done = weft("job", "run", *place, "answer", "--payload", f"@{file}")

    assert done.code == 2
    assert done.err.startswith("weft: --payload is not JSON: ")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("payload", ["{", "[1]", "7", '"text"', "NaN", "", "@/no/such/file"])
def test_a_payload_that_is_no_json_object_is_a_usage_error(weft: Weft, place: Place, payload: str) -> None:
    done = weft("job", "run", *place, "answer", "--payload", payload)

    assert done.code == 2
    assert done.err.startswith("weft: --payload")
    assert json.loads(weft("job", "list", *place, "--json").out) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "w", "i"),
        ("run", "w", "i", "j", "more"),
        ("run", "w", "i", "j", "--unknown"),
        ("run", "w", "i", "j", "--timeout", "5"),
        ("run", "w", "i", "j", "--wait", "--timeout", "0"),
        ("run", "w", "i", "j", "--wait", "--timeout", "nan"),
        ("run", "w", "i", "j", "--wait", "--timeout", "soon"),
        ("list", "w", "i", "--limit", "0"),
        ("list", "w", "i", "--limit", "1.5"),
        ("stop", "w", "i", "j"),
        ("show", "w", "i"),
    ],
)
def test_a_misused_command_exits_with_2_and_one_line(weft: Weft, arguments: tuple[str, ...]) -> None:
    done = weft("job", *arguments)

    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1


# ---- across workspaces


def test_jobs_of_all_workspaces_are_listed_with_where_they_belong(weft: Weft, place: Place) -> None:
    other = f"w {uuid4()}"
    assert weft("workspace", "create", other).code == 0
    assert weft("item", "create", other, "another", "--type", ITEM_TYPE).code == 0
    first = weft("job", "run", *place, "answer", "--wait", "--json")
    second = weft("job", "run", other, "another", "answer", "--wait", "--json")
    ids = [json.loads(done.out)["id"] for done in (second, first)]

    listed = json.loads(weft("job", "list", "--json", "--limit", "2").out)

    assert [job["id"] for job in listed] == ids
    assert [job["itemDisplayName"] for job in listed] == ["another", place[1]]
    assert all(job["itemType"] == ITEM_TYPE and job["submittedBy"]["displayName"] for job in listed)
    table = weft("job", "list", other).out.splitlines()
    assert table[0].split()[:5] == ["ID", "ITEM", "JOB", "TYPE", "STATUS"]
    assert [line.split()[0] for line in table[1:]] == ids[:1]


def test_jobs_are_filtered_and_sorted_across_workspaces_and_of_one_item(weft: Weft, place: Place) -> None:
    ids = [json.loads(weft("job", "run", *place, "answer", "--wait", "--json").out)["id"] for _ in range(2)]

    def listed(*options: str) -> list[str]:
        return [job["id"] for job in json.loads(weft("job", "list", *options, "--json").out)]

    assert listed("--text", ids[0]) == ids[:1]
    assert listed(*place, "--status", "Completed", "--sort", "endTimeUtc") == ids
    assert listed(*place, "--type", "answer", "--item-type", ITEM_TYPE, "--limit", "1") == ids[1:]
    assert listed(*place, "--status", "Failed", "--status", "Cancelled") == []
    assert listed(place[0], "--since", "2999-01-01T00:00:00Z") == []
    assert listed(place[0], "--until", "2999-01-01T00:00:00Z") == ids[::-1]


@pytest.mark.parametrize("options", [("--status", "Running"), ("--since", "yesterday"), ("--sort", "name")])
def test_a_filter_that_the_server_does_not_know_is_an_error_that_repeats_it(
    weft: Weft, options: tuple[str, str]
) -> None:
    done = weft("job", "list", *options)

    assert done.code == 1
    assert options[1] in done.err
    assert done.out == ""


def test_a_run_with_the_same_key_is_the_same_job(weft: Weft, place: Place) -> None:
    key = ("--idempotency-key", "nightly")

    first = weft("job", "run", *place, "answer", *key)
    again = weft("job", "run", *place, "answer", *key)
    other = weft("job", "run", *place, "answer", "--payload", '{"x": 2}', *key)

    assert (first.code, again.code, other.code) == (0, 0, 1)
    assert first.out == again.out
    assert "IdempotencyKeyReused" in other.err


@pytest.mark.parametrize("key", ["", "two words", "ü", "x" * 256])
def test_a_key_that_is_none_is_a_usage_error(weft: Weft, place: Place, key: str) -> None:
    done = weft("job", "run", *place, "answer", "--idempotency-key", key)

    assert done.code == 2
    assert "--idempotency-key" in done.err


def test_an_ended_job_runs_again_and_says_so(weft: Weft, place: Place) -> None:
    first = json.loads(weft("job", "run", *place, "answer", "--wait", "--json", "--payload", '{"x": 1}').out)

    done = weft("job", "rerun", *place, first["id"], "--wait", "--json")

    again = json.loads(done.out)
    assert done.code == 0
    assert again["id"] != first["id"]
    assert again["rerunOf"] == first["id"]
    assert again["result"] == first["result"]


def test_a_job_that_goes_on_is_not_run_again(weft: Weft, place: Place) -> None:
    id = weft("job", "run", *place, "hang").out.strip()

    done = weft("job", "rerun", *place, id)

    assert done.code == 1
    assert "JobNotCompleted" in done.err
    assert weft("job", "cancel", *place, id).code == 0
