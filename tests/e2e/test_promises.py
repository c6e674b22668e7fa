"""What weft promises (promises.md 2), held against the real server, which is killed and restarted."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from tests.e2e.weft_process import WeftProcess, all_gone, eventually
from tests.e2e.workload import ITEM_TYPE
from tests.torture.processes import started

TOMBSTONE = f"/workspaces/{uuid4()}/items/{ITEM_TYPE}/{uuid4()}/jobTypes"


def lines(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def job_pid(notes: Path) -> int:
    """Wait until the job has begun; return the process it runs in."""
    line = eventually(lambda: lines(notes)[:1], 20, "the job begins")
    return int(line[0].split()[1])


def has_ended(pid: int) -> bool:
    try:
        started(pid)
    except ProcessLookupError:
        return True  # or a zombie, which nobody may have waited for yet
    return False


def test_a_job_runs_through_core_caller_host_and_function_and_back(weft: WeftProcess, notes: Path) -> None:
    item = weft.new_item()

    instance = weft.run(item, "quick", file=str(notes))

    assert weft.wait_for(instance) == "Completed"
    details = weft.details(instance).json
    assert details["result"] == {"id": details["id"]}
    assert lines(notes) == [f"start {job_pid(notes)}"]


def test_the_largest_run_that_core_takes_reaches_its_function(weft: WeftProcess) -> None:
    item = weft.new_item()
    empty = len(json.dumps({"executionData": {"filler": ""}}))

    largest = weft.run(item, "quick", filler="x" * (1024 * 1024 - empty))
    larger = {"executionData": {"filler": "x" * (1024 * 1024 - empty + 1)}}
    refused = weft.core("POST", f"{item}/jobs/quick/instances", larger)

    assert weft.wait_for(largest) == "Completed"
    assert refused.status == 413


def test_p1_jobs_that_were_queued_survive_a_kill_and_run(weft: WeftProcess) -> None:
    item = weft.new_item()
    with ThreadPoolExecutor(8) as callers:
        instances = list(callers.map(lambda _: weft.run(item, "quick"), range(40)))

    weft.kill()
    weft.start()

    assert {weft.wait_for(instance) for instance in instances} <= {"Completed", "Failed"}
    failures = [weft.core("GET", i).json["failureReason"] for i in instances if weft.status(i) == "Failed"]
    assert all(reason["moreDetails"][0]["errorCode"] == "WorkerLost" for reason in failures)
    assert len(failures) <= 2 * (os.cpu_count() or 2)


def test_p2_a_get_after_the_answer_finds_the_job(weft: WeftProcess) -> None:
    item = weft.new_item()

    statuses = [weft.core("GET", weft.run(item, "quick")).status for _ in range(20)]

    assert statuses == [200] * 20


def test_p4_after_cancelled_was_readable_nothing_of_a_stubborn_job_lives_or_writes(
    weft: WeftProcess, notes: Path
) -> None:
    instance = weft.run(weft.new_item(), "stubborn", file=str(notes))
    eventually(lambda: "orphan" in lines(notes), 20, "the orphan writes")
    before = weft.processes()

    assert weft.core("POST", f"{instance}/cancel").status == 202
    weft.wait_for(instance, "Cancelled")

    size = notes.stat().st_size
    pid = job_pid(notes)
    assert has_ended(pid)
    living = {process.pid for process in weft.processes()}
    assert not any(str(notes) in _command(process.pid) for process in before if process.pid in living)
    assert _stays(lambda: notes.stat().st_size == size, seconds=0.5)


def test_p5_a_cancel_that_the_host_took_outlives_a_kill(weft: WeftProcess, notes: Path) -> None:
    path = f"{TOMBSTONE}/stubborn/instances/{uuid4()}"
    weft.host("POST", path, {"invokeType": "Manual", "creationPayload": {"file": str(notes)}})
    pid = job_pid(notes)

    assert weft.host("POST", f"{path}/cancel").json["status"] == "InProgress"
    weft.kill()
    weft.start()

    assert weft.host("GET", path).json["status"] == "Cancelled"
    assert has_ended(pid)
    size = notes.stat().st_size
    assert _stays(lambda: notes.stat().st_size == size, seconds=0.5)


def test_p5_a_cancel_through_core_outlives_a_kill(weft: WeftProcess, notes: Path) -> None:
    instance = weft.run(weft.new_item(), "stubborn", file=str(notes))
    pid = job_pid(notes)
    weft.wait_for(instance, "InProgress")

    assert weft.core("POST", f"{instance}/cancel").status == 202
    weft.kill()
    weft.start()

    # The host fails a job whose process died with the server, unless the cancel had reached it before.
    assert weft.wait_for(instance) in ("Cancelled", "Failed")
    assert has_ended(pid)
    size = notes.stat().st_size
    assert _stays(lambda: notes.stat().st_size == size, seconds=0.5)


def test_p6_a_queued_job_is_cancelled_before_it_begins(weft: WeftProcess, notes: Path) -> None:
    item = weft.new_item()
    busy = [weft.run(item, "spin") for _ in range(os.cpu_count() or 2)]
    for instance in busy:
        weft.wait_for(instance, "InProgress")
    queued = weft.run(item, "steady", file=str(notes))

    weft.core("POST", f"{queued}/cancel")

    assert weft.wait_for(queued, seconds=5) == "Cancelled"
    assert lines(notes) == []
    for instance in busy:
        weft.core("POST", f"{instance}/cancel")
        assert weft.wait_for(instance, seconds=15) == "Cancelled"


def test_p6_a_plain_function_stops_within_a_second(weft: WeftProcess, notes: Path) -> None:
    instance = weft.run(weft.new_item(), "steady", file=str(notes))
    pid = job_pid(notes)
    weft.wait_for(instance, "InProgress")
    began = time.monotonic()

    weft.core("POST", f"{instance}/cancel")
    eventually(lambda: has_ended(pid), 5, "the process has ended")
    took = time.monotonic() - began

    assert weft.wait_for(instance, seconds=5) == "Cancelled"
    assert took < 3, took


def test_p3_p5_a_cancel_after_the_end_is_refused_and_changes_nothing(weft: WeftProcess) -> None:
    instance = weft.run(weft.new_item(), "quick")
    weft.wait_for(instance, "Completed")
    ended = weft.core("GET", instance).json

    refused = weft.core("POST", f"{instance}/cancel")

    assert (refused.status, refused.json["errorCode"]) == (400, "JobAlreadyCompleted")
    assert weft.core("GET", instance).json == ended


def test_p8_p9_twenty_creates_of_one_instance_at_once_start_it_once(weft: WeftProcess, notes: Path) -> None:
    path = f"{TOMBSTONE}/quick/instances/{uuid4()}"
    body = {"invokeType": "Manual", "creationPayload": {"file": str(notes)}}
    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda _: weft.host("POST", path, body).status, range(20)))

    assert answers == [202] * 20
    eventually(lambda: weft.host("GET", path).json["status"] == "Completed", 20, "completed")
    assert len(lines(notes)) == 1
    other = weft.host("POST", path, {"invokeType": "Scheduled"})
    assert (other.status, other.json["errorCode"]) == (409, "JobInstanceConflict")


def test_p9_a_create_that_comes_after_its_cancel_never_runs(weft: WeftProcess, notes: Path) -> None:
    path = f"{TOMBSTONE}/quick/instances/{uuid4()}"

    assert weft.host("POST", f"{path}/cancel").json["status"] == "Cancelled"
    weft.kill()
    weft.start()
    late = weft.host("POST", path, {"invokeType": "Manual", "creationPayload": {"file": str(notes)}})

    assert late.status == 202
    assert weft.host("GET", path).json["status"] == "Cancelled"
    assert _stays(lambda: not notes.exists(), seconds=0.3)


def test_p12_a_running_job_whose_server_was_killed_is_failed_worker_lost(
    weft: WeftProcess, notes: Path
) -> None:
    instance = weft.run(weft.new_item(), "steady", file=str(notes))
    job_pid(notes)
    weft.wait_for(instance, "InProgress")
    before = weft.processes()

    weft.kill()
    all_gone(before)
    size = notes.stat().st_size
    weft.start()

    assert weft.wait_for(instance) == "Failed"
    details = weft.core("GET", instance).json["failureReason"]["moreDetails"]
    assert details[0]["errorCode"] == "WorkerLost"
    assert notes.stat().st_size == size


def test_jobs_of_a_workload_that_is_hosted_no_more_come_to_an_end(weft: WeftProcess, notes: Path) -> None:
    item = weft.new_item()
    busy = [weft.run(item, "spin") for _ in range(os.cpu_count() or 2)]
    for instance in busy:
        weft.wait_for(instance, "InProgress")
    waiting, cancelled = (weft.run(item, "steady", file=str(notes)) for _ in range(2))
    weft.kill()
    weft.options = ()

    weft.start()
    weft.core("POST", f"{cancelled}/cancel")

    assert [weft.wait_for(instance) for instance in busy] == ["Failed"] * len(busy)
    assert weft.wait_for(waiting) == "Failed"
    assert weft.wait_for(cancelled) in ("Cancelled", "Failed")
    assert not notes.exists()


def test_p12_a_job_whose_process_is_killed_fails_with_a_reason_that_says_so(
    weft: WeftProcess, notes: Path
) -> None:
    instance = weft.run(weft.new_item(), "steady", file=str(notes))
    pid = job_pid(notes)
    weft.wait_for(instance, "InProgress")

    os.kill(pid, signal.SIGKILL)

    assert weft.wait_for(instance) == "Failed"
    assert "SIGKILL" in weft.core("GET", instance).json["failureReason"]["message"]
    assert weft.wait_for(weft.run(weft.new_item(), "quick")) == "Completed"


def test_a_failed_job_tells_the_exception_and_its_last_frames(weft: WeftProcess) -> None:
    path = f"{TOMBSTONE}/fails/instances/{uuid4()}"

    weft.host("POST", path, {"invokeType": "Manual"})
    eventually(lambda: weft.host("GET", path).json["status"] == "Failed", 20, "failed")

    details = weft.host("GET", path).json["errorDetails"]
    text = str(details)
    assert "ValueError" in text
    assert "the loom is empty" in text
    assert "workload.py" in text
    assert details["source"] in ("User", "System", "External")


def test_a_failure_on_purpose_reaches_both_wires_whole(weft: WeftProcess) -> None:
    instance = weft.run(weft.new_item(), "fails", on_purpose=True)

    assert weft.wait_for(instance) == "Failed"
    reason = weft.core("GET", instance).json["failureReason"]
    assert reason["errorCode"] == "JobInstanceStatusFailed"
    assert reason["moreDetails"][0]["errorCode"] == "OutOfStock"
    error = weft.details(instance).json["error"]
    assert (error["errorCode"], error["isPermanent"]) == ("OutOfStock", True)
    assert error["messageParameters"] == ["yarn"]


def test_p19_sigterm_lets_a_short_job_end_and_exits_0(weft: WeftProcess, notes: Path) -> None:
    instance = weft.run(weft.new_item(), "steady", file=str(notes), seconds=1.5)
    weft.wait_for(instance, "InProgress")
    before = weft.processes()

    assert weft.terminate() == 0
    all_gone(before)
    weft.start()

    assert weft.wait_for(instance) == "Completed"


def test_p19_a_second_sigterm_stops_at_once(weft: WeftProcess, notes: Path) -> None:
    instance = weft.run(weft.new_item(), "stubborn", file=str(notes))
    eventually(lambda: "orphan" in lines(notes), 20, "the orphan writes")
    before = weft.processes()
    began = time.monotonic()

    os.kill(weft.pid, signal.SIGTERM)
    time.sleep(0.3)  # two signals of one kind that come together are one
    assert weft.terminate() == 0

    assert time.monotonic() - began < 10
    all_gone(before)
    weft.start()
    assert weft.wait_for(instance) == "Failed"


def test_a_disk_that_is_full_while_jobs_are_created_loses_nothing(weft: WeftProcess) -> None:
    where = f"{TOMBSTONE}/steady/instances"
    body = {"invokeType": "Manual", "creationPayload": {"file": "/dev/null", "filler": "x" * 100_000}}
    unlimited = resource.prlimit(weft.pid, resource.RLIMIT_FSIZE)
    held = (weft.data / "weft.db-wal").stat().st_size
    answers: dict[str, int] = {}

    resource.prlimit(weft.pid, resource.RLIMIT_FSIZE, (held + 500_000, unlimited[1]))
    for _ in range(20):
        path = f"{where}/{uuid4()}"
        answers[path] = weft.host("POST", path, body).status
    full = weft.host("POST", f"{where}/{uuid4()}", body)
    read = weft.host("GET", next(iter(answers))).status
    resource.prlimit(weft.pid, resource.RLIMIT_FSIZE, unlimited)
    recovered = weft.host("POST", f"{where}/{uuid4()}", body).status
    weft.kill()
    weft.start()

    assert set(answers.values()) == {202, 503}
    assert (full.status, full.json["errorCode"], full.headers["retry-after"]) == (
        503,
        "ServiceUnavailable",
        "1",
    )
    assert (read, recovered) == (200, 202)
    kept = {path for path, status in answers.items() if status == 202}
    assert {path for path in answers if weft.host("GET", path).status == 200} == kept


def test_p19_a_second_sigterm_ends_a_request_that_trickles_in(weft: WeftProcess) -> None:
    address = urlsplit(weft.url)
    slow = socket.create_connection((address.hostname or "", address.port or 0))
    slow.sendall(
        b"POST /v1/workspaces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
        b"Content-Type: application/json\r\nAuthorization: Bearer "
        + weft.token("core").encode()
        + b"\r\n\r\n{"
    )
    eventually(lambda: weft.bare("GET", "/readyz").status == 200, 10, "ready")
    began = time.monotonic()

    os.kill(weft.pid, signal.SIGTERM)
    time.sleep(0.5)  # two signals of one kind that come together are one
    code = weft.terminate()

    slow.close()
    assert code == 0
    assert time.monotonic() - began < 10


def test_a_store_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    broken = WeftProcess(tmp_path / "data")
    (broken.data / "weft.db").mkdir(parents=True)
    broken.data.chmod(0o700)

    answer = broken.try_start()

    assert answer.returncode == 1
    assert len(answer.stderr.strip().splitlines()) == 1


def test_deleting_an_item_stops_its_jobs_first(weft: WeftProcess, notes: Path) -> None:
    item = weft.new_item()
    instance = weft.run(item, "steady", file=str(notes))
    pid = job_pid(notes)

    deleted = weft.core("DELETE", item)

    assert deleted.status == 200
    assert has_ended(pid)
    assert weft.core("GET", instance).json["errorCode"] == "ItemNotFound"
    assert weft.core("POST", f"{item}/jobs/quick/instances").status == 404


def test_a_second_server_on_the_same_data_is_refused(weft: WeftProcess) -> None:
    second = WeftProcess(weft.data)

    answer = second.try_start()

    assert answer.returncode == 1
    assert "in use" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_told_in_one_line(weft: WeftProcess, tmp_path: Path) -> None:
    port = weft.url.rsplit(":", 1)[1]
    second = WeftProcess(tmp_path / "other", port=int(port))

    answer = second.try_start()

    assert answer.returncode == 1
    assert "in use" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_nothing_but_liveness_and_the_issuers_documents_is_open(weft: WeftProcess) -> None:
    tenant = weft.token("tenant")
    public = [
        "/livez",
        "/readyz",
        f"/issuer/{tenant}/v2.0/.well-known/openid-configuration",
        f"/issuer/{tenant}/discovery/v2.0/keys",
    ]
    closed = [
        "/v1/workspaces",
        "/v1/x",
        "/workload/x",
        "/weft/v1/x",
        "/v1/workspaces/livez",
        "/workload/readyz",
    ]

    closed += ["/", "/nothing", "/.env", "/openapi.json", "/livez/", "/issuer/x"]
    assert [weft.bare("GET", path).status for path in public] == [200] * 4
    assert [weft.bare("GET", path).status for path in closed] == [401] * 12


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _stays(holds: object, *, seconds: float) -> bool:
    assert callable(holds)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not holds():
            return False
        time.sleep(0.02)
    return True
