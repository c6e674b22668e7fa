"""Jobs that ask their supervisor for tokens: real processes, and a source that tests hold in their hands."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.runners.support import QUICK, ROOT, FakeRun, marked_alive, soon, zombies
from weft.catalog.tokens import SUBJECT_LABEL, Token, auth_ui_required
from weft.engine.jobs import Completed, Failed, Job, JobError, Stopped
from weft.runners.frames import Given, TokenGiven, TokenWanted
from weft.runners.granting import LARGEST_DEFINITION_BYTES, MOST_AT_ONCE, Granting, Sources
from weft.runners.processes import ProcessRunner

SCOPE = "https://a.example/.default"
NEVER = "https://never.example/.default"
SECRET = "the-client-secret-of-the-workload"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Source:
    """Gives tokens that say what they were asked for, and never one for NEVER."""

    def __init__(self) -> None:
        self.at = NOW
        self.asked: Counter[tuple[str, bool]] = Counter()
        self.jobs: list[Job] = []
        self.lives = timedelta(hours=1)
        self.errors: dict[str, JobError] = {}
        self.cancelled = 0
        self.definitions = 0
        self.seen = asyncio.Event()
        self.on_asked: Path | None = None

    def now(self) -> datetime:
        return self.at

    async def token(self, job: Job, scope: str, as_app: bool) -> Token | JobError:
        self.asked[scope, as_app] += 1
        self.jobs.append(job)
        self.seen.set()
        if self.on_asked is not None:
            self.on_asked.touch()
        if scope == NEVER:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1
        await asyncio.sleep(0)
        if scope in self.errors:
            return self.errors[scope]
        return Token(f"{scope} {as_app} {self.asked[scope, as_app]}", self.at + self.lives)

    async def permissions(self, job: Job) -> tuple[str, ...]:
        return "Read", "Reshare"

    async def definition(self, job: Job) -> bytes:
        """Give another one each time."""
        self.definitions += 1
        payload = b64encode(b"\xff" * self.definitions).decode()
        return json.dumps({"parts": [{"path": "a/b.bin", "payload": payload}]}).encode()


@asynccontextmanager
async def granting(source: Source | None) -> AsyncIterator[ProcessRunner]:
    marker = uuid4().hex
    runner = ProcessRunner(
        QUICK,
        command=[sys.executable, "-m", "weft.kit.process", "tests.runners.asking_jobs:workload"],
        environment={**os.environ, "PYTHONPATH": f"{ROOT}", "WEFT_CLIENT_SECRET": SECRET},
        marker=marker,
        sources=None
        if source is None
        else Sources(tokens=source, permissions=source, definitions=source, clock=source),
    )
    await runner.start()
    try:
        yield runner
    finally:
        await runner.close()
        assert marked_alive(marker) == []
        assert zombies() == []


async def result_of(runner: ProcessRunner, job_type: str, **payload: Any) -> Any:
    outcome = await runner.run(FakeRun(job_type, payload))
    assert isinstance(outcome, Completed), outcome
    return json.loads(outcome.result or b"null")


async def error_of(runner: ProcessRunner, job_type: str, **payload: Any) -> JobError:
    outcome = await runner.run(FakeRun(job_type, payload))
    assert isinstance(outcome, Failed), outcome
    return outcome.error


@pytest.mark.parametrize("job_type", ["waits", "plain"])
@pytest.mark.parametrize("as_app", [False, True])
async def test_a_job_gets_the_token_it_asks_for(job_type: str, as_app: bool) -> None:
    source = Source()
    async with granting(source) as runner:
        run = FakeRun(job_type, {"scope": SCOPE, "as_app": as_app})

        outcome = await runner.run(run)

    assert outcome == Completed(json.dumps(f"{SCOPE} {as_app} 1").encode())
    assert source.jobs == [run.job]


async def test_a_token_is_given_again_until_it_is_about_to_expire() -> None:
    source = Source()
    async with granting(source) as runner:
        same = await result_of(runner, "again", scope=SCOPE, times=3)
        source.lives = timedelta(minutes=5, seconds=-1)
        renewed = await result_of(runner, "again", scope=SCOPE, times=3)

    assert [one.rpartition(" ")[2] for one in same] == ["1", "1", "1"]
    assert [one.rpartition(" ")[2] for one in renewed] == ["2", "3", "4"]


async def test_no_job_gets_a_token_that_another_one_asked_for() -> None:
    source = Source()
    async with granting(source) as runner:
        first = await result_of(runner, "plain", scope=SCOPE)
        second = await result_of(runner, "plain", scope=SCOPE)

    assert first != second
    assert len({job.key.id for job in source.jobs}) == 2


@pytest.mark.parametrize("job_type", ["parallel", "threads"])
async def test_jobs_ask_many_times_at_once_and_each_question_has_its_own_answer(job_type: str) -> None:
    source = Source()
    scopes = [f"https://{number % 20}.example/.default" for number in range(100)]
    async with granting(source) as runner:
        found = await result_of(runner, job_type, scopes=scopes)

    assert [token.split(" ")[0] for token in found] == scopes
    assert set(source.asked.values()) == {1}


async def test_a_job_that_asks_too_much_at_once_is_told_so_and_no_more_is_asked() -> None:
    source = Source()
    answers: list[Given] = []
    asking = Granting(Sources(tokens=source, permissions=source, clock=source), a_job(), answers.append)

    for number in range(MOST_AT_ONCE + 5):
        asking.hear(TokenWanted(1, number, NEVER, False))

    assert [answer.number for answer in answers] == list(range(MOST_AT_ONCE, MOST_AT_ONCE + 5))
    assert {answer.error.code for answer in answers if answer.error} == {"TooManyQuestions"}
    await asyncio.wait(asking.end())


async def test_a_question_whose_answer_takes_too_long_is_answered_with_an_error() -> None:
    source = Source()
    answers: list[Given] = []
    sources = Sources(tokens=source, permissions=source, clock=source, seconds=0.02)
    asking = Granting(sources, a_job(), answers.append)

    asking.hear(TokenWanted(1, 7, NEVER, False))
    await soon(lambda: bool(answers))

    assert isinstance(answers[0], TokenGiven)
    assert answers[0].number == 7
    assert answers[0].error is not None
    assert (answers[0].error.code, answers[0].error.is_permanent) == ("TokenUnavailable", False)


async def test_a_source_that_breaks_is_an_error_of_the_job_that_tells_nothing_of_it() -> None:
    class Broken(Source):
        async def token(self, job: Job, scope: str, as_app: bool) -> Token | JobError:
            raise KeyError(SECRET)

    async with granting(Broken()) as runner:
        error = await error_of(runner, "plain", scope=SCOPE)

    assert error.code == "InternalError"
    assert SECRET not in str(error)


async def test_an_endless_scope_is_refused_without_asking_anybody() -> None:
    source = Source()
    async with granting(source) as runner:
        error = await error_of(runner, "plain", scope="https://a.example/" + "a" * 5000)

    assert error.code == "InvalidScope"
    assert not source.asked


@pytest.mark.parametrize("scope", ["", " ", "https://a.example/\nx"])
async def test_a_scope_that_is_none_is_refused_in_the_job(scope: str) -> None:
    source = Source()
    async with granting(source) as runner:
        error = await error_of(runner, "badScope", scope=scope)

    assert error.code == "ValueError"
    assert not source.asked


async def test_the_permissions_of_the_user_are_told() -> None:
    async with granting(Source()) as runner:
        assert await result_of(runner, "permissions") == ["Read", "Reshare"] * 2


async def test_a_job_sees_one_definition_of_its_item_however_often_it_asks() -> None:
    async with granting(Source()) as runner:
        first = await result_of(runner, "definition")
        second = await result_of(runner, "definition")

    assert first == [{"a/b.bin": "ff"}] * 2
    assert second == [{"a/b.bin": "ffff"}] * 2, "the next job is given what is there then"


async def test_a_definition_that_no_frame_holds_is_an_error_of_the_job() -> None:
    class Huge(Source):
        async def definition(self, job: Job) -> bytes:
            return b" " * (LARGEST_DEFINITION_BYTES + 1)

    async with granting(Huge()) as runner:
        error = await error_of(runner, "definition")

    assert (error.code, error.is_permanent) == ("DefinitionTooLarge", True)


async def test_without_configuration_a_job_is_told_so() -> None:
    async with granting(None) as runner:
        error = await error_of(runner, "plain", scope=SCOPE)
        other = await error_of(runner, "permissions")
        third = await error_of(runner, "definition")

    assert (error.code, error.source, error.is_permanent) == ("TokensNotConfigured", "System", True)
    assert SCOPE in error.message
    assert other.code == "PermissionsNotConfigured"
    assert third.code == "DefinitionNotKnown"


async def test_consent_that_is_missing_fails_the_job_in_the_form_of_the_contract() -> None:
    source = Source()
    claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
    needed = auth_ui_required("AADSTS65001: consent", error="invalid_grant", scopes=[SCOPE], claims=claims)
    source.errors[SCOPE] = needed
    async with granting(source) as runner:
        error = await error_of(runner, "waits", scope=SCOPE)
        caught = await result_of(runner, "catches", scope=SCOPE)

    assert error == needed
    assert (error.code, error.source, error.is_permanent) == ("AuthUIRequired", "System", False)
    assert "AADSTS65001" in error.message
    assert error.details[0].code == "invalid_grant"
    assert dict(error.details[0].extra) == {
        "additionalScopesToConsent": SCOPE,
        "claimsForCondtionalAccessPolicy": claims,
        "claimsForConditionalAccessPolicy": claims,
    }
    assert caught == ["AuthUIRequired", "invalid_grant", [SCOPE], claims]


async def test_any_other_error_is_raised_in_the_job_as_it_is() -> None:
    source = Source()
    source.errors[SCOPE] = JobError("TokenUnavailable", "not now", "System", is_permanent=False)
    async with granting(source) as runner:
        caught = await result_of(runner, "catches", scope=SCOPE)
        error = await error_of(runner, "plain", scope=SCOPE)

    assert caught == ["TokenUnavailable", "not now", False]
    assert error == source.errors[SCOPE]


async def test_an_async_function_that_would_block_its_loop_is_told_to_await() -> None:
    source = Source()
    async with granting(source) as runner:
        error = await error_of(runner, "blocksItsLoop")

    assert error.code == "RuntimeError"
    assert "await ctx.token" in error.message
    assert not source.asked


async def test_a_process_that_a_job_forks_is_told_that_it_cannot_ask() -> None:
    source = Source()
    async with granting(source) as runner:
        assert "only the job's own process" in await result_of(runner, "forks", scope=SCOPE)

    assert not source.asked


async def test_a_job_that_gives_up_waiting_can_ask_for_something_else() -> None:
    source = Source()
    async with granting(source) as runner:
        assert await result_of(runner, "givesUp", scope=SCOPE) == f"{SCOPE} False 1"

    assert source.cancelled == 1


@pytest.mark.parametrize("job_type", ["waits", "plain"])
async def test_a_job_that_is_cancelled_while_it_asks_stops_at_once_and_its_question_with_it(
    job_type: str,
) -> None:
    source = Source()
    async with granting(source) as runner:
        run = FakeRun(job_type, {"scope": NEVER})
        running = asyncio.create_task(runner.run(run))
        await source.seen.wait()

        run.cancel_requested.set()

        assert await running == Stopped()
    assert source.cancelled == 1


async def test_a_job_that_cleans_up_after_a_cancel_still_gets_tokens(tmp_path: Path) -> None:
    source = Source()
    async with granting(source) as runner:
        run = FakeRun("cleansUp", {"cleaned": str(tmp_path / "cleaned")})
        running = asyncio.create_task(runner.run(run))
        await source.seen.wait()

        run.cancel_requested.set()

        assert await running == Stopped()
    assert (tmp_path / "cleaned").read_text() == f"{SCOPE} False 1"


async def test_a_process_that_dies_while_it_asks_takes_its_question_with_it(tmp_path: Path) -> None:
    source = Source()
    source.on_asked = tmp_path / "asked"
    async with granting(source) as runner:
        error = await error_of(runner, "dies", asked=str(source.on_asked))

    assert error.code == "ProcessCrashed"
    assert source.cancelled == 1


async def test_a_late_answer_to_a_job_that_has_ended_never_reaches_the_next_one(tmp_path: Path) -> None:
    source = Source()
    source.on_asked = tmp_path / "asked"
    async with granting(source) as runner:
        first = await result_of(runner, "asksAndLeaves", scope=NEVER, asked=str(source.on_asked))
        second = await result_of(runner, "waits", scope=SCOPE)
        source.on_asked = tmp_path / "asked again"
        third = await result_of(runner, "asksAndLeaves", scope=NEVER, asked=str(source.on_asked))

    assert first == third, "it was another process"
    assert second == f"{SCOPE} False 1"
    assert source.cancelled == 2


async def test_neither_the_secret_nor_the_sealed_token_ever_gets_into_a_jobs_process(tmp_path: Path) -> None:
    source = Source()
    async with granting(source) as runner:
        run = FakeRun("idles", {"scope": SCOPE, "here": str(tmp_path / "here")})
        run.job = replace(run.job, labels={**run.job.labels, SUBJECT_LABEL: "sealed-token"})
        running = asyncio.create_task(runner.run(run))
        await soon(lambda: (tmp_path / "here").exists() and (tmp_path / "here").read_text() != "")
        pid = int((tmp_path / "here").read_text())
        process = Path(f"/proc/{pid}")
        seen = process.joinpath("environ").read_bytes() + process.joinpath("cmdline").read_bytes()
        memory = strings_of(pid)
        run.cancel_requested.set()
        await running

    assert b"asking_jobs" in seen
    assert SECRET.encode() not in seen
    assert SECRET.encode() not in memory
    assert b"sealed-token" not in memory
    assert SCOPE.encode() in memory, "the look into the memory sees nothing"


def strings_of(pid: int) -> bytes:
    """Return what of a process's memory can be written to."""
    found = bytearray()
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            start, _, end = span.partition("-")
            if rights.startswith("rw"):
                memory.seek(int(start, 16))
                found += memory.read(int(end, 16) - int(start, 16))
    return bytes(found)


def a_job() -> Job:
    return FakeRun("waits").job
