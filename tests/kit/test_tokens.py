"""What a job's function sees when it asks: answers that are its own, and errors that it can catch."""

from __future__ import annotations

import asyncio
import pickle
import queue
import threading

import pytest

from weft import JobContext, JobFailed
from weft.catalog.tokens import auth_ui_required
from weft.engine.jobs import ErrorDetail, JobError
from weft.kit.asking import Asker, Asking
from weft.kit.errors import AuthUIRequired, failure_of
from weft.kit.outcomes import describe_failure
from weft.runners.frames import AnyFrame, PermissionsGiven, TokenGiven, TokenWanted

SCOPE = "https://a.example/.default"
CLAIMS = '{"access_token":{}}'


class Wire:
    """Keeps what is sent; the tests answer."""

    def __init__(self) -> None:
        self.sent: queue.SimpleQueue[AnyFrame] = queue.SimpleQueue()
        self.asker = Asker(self.sent.put)

    def wanted(self) -> TokenWanted:
        frame = self.sent.get(timeout=10)
        assert isinstance(frame, TokenWanted)
        return frame


async def test_answers_find_their_questions_in_any_order() -> None:
    wire = Wire()
    asking = Asking(wire.asker, 3)
    waiting = [asyncio.create_task(asking.token(scope, False)) for scope in ("a", "b")]
    await asyncio.sleep(0)
    first, second = wire.wanted(), wire.wanted()

    asking.hear(TokenGiven(3, second.number, "for b"))
    asking.hear(TokenGiven(3, first.number, "for a"))

    assert await asyncio.wait_for(asyncio.gather(*waiting), 10) == ["for a", "for b"]


async def test_the_answer_to_a_question_of_another_turn_is_dropped() -> None:
    wire = Wire()
    asking = Asking(wire.asker, 4)
    waiting = asyncio.create_task(asking.token(SCOPE, False))
    await asyncio.sleep(0)
    wanted = wire.wanted()

    asking.hear(TokenGiven(3, wanted.number, "of the job before"))
    asking.hear(TokenGiven(4, wanted.number, "its own"))

    assert await asyncio.wait_for(waiting, 10) == "its own"


async def test_an_answer_that_nobody_waits_for_any_more_does_no_harm() -> None:
    wire = Wire()
    asking = Asking(wire.asker, 1)
    waiting = asyncio.create_task(asking.token(SCOPE, False))
    await asyncio.sleep(0)
    wanted = wire.wanted()
    waiting.cancel()
    await asyncio.wait([waiting])

    asking.hear(TokenGiven(1, wanted.number, "too late"))
    asking.hear(TokenGiven(1, 99, "never asked for"))

    assert waiting.cancelled()


async def test_an_answer_that_meets_a_cancel_does_no_harm() -> None:
    wire = Wire()
    asking = Asking(wire.asker, 1)
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
    waiting = asyncio.create_task(asking.token(SCOPE, False))
    await asyncio.sleep(0)

    waiting.cancel()
    asking.hear(TokenGiven(1, wire.wanted().number, "just too late"))
    await asyncio.wait([waiting])
    await asyncio.sleep(0)

    assert waiting.cancelled()
    assert not troubles


def test_a_loop_that_is_closed_before_the_answer_comes_does_no_harm() -> None:
    wire = Wire()
    asking = Asking(wire.asker, 1)
    loop = asyncio.new_event_loop()
    waiting = asking.token(SCOPE, False)
    loop.call_soon(waiting.send, None)
    loop.run_until_complete(asyncio.sleep(0))
    number = wire.wanted().number
    loop.close()

    asking.hear(TokenGiven(1, number, "late"))

    waiting.close()


def test_a_thread_waits_for_its_answer() -> None:
    wire = Wire()
    asking = Asking(wire.asker, 1)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(asking.get_token(SCOPE, True)))
    thread.start()
    wanted = wire.wanted()

    asking.hear(TokenGiven(1, wanted.number, "eyJ"))
    thread.join(10)

    assert (wanted.scope, wanted.as_app) == (SCOPE, True)
    assert found == ["eyJ"]


async def test_an_answer_of_the_wrong_kind_is_an_error() -> None:
    wire = Wire()
    asking = Asking(wire.asker, 1)
    waiting = asyncio.create_task(asking.token(SCOPE, False))
    await asyncio.sleep(0)

    asking.hear(PermissionsGiven(1, wire.wanted().number, ("Read",)))

    with pytest.raises(JobFailed, match="another question"):
        await asyncio.wait_for(waiting, 10)


async def test_a_context_without_anybody_to_ask_says_so() -> None:
    class Alone:
        cancelled = False

    ctx = JobContext(job_id="j", job_type="t", attempt=1, labels={}, supervision=Alone())  # type: ignore[arg-type]

    with pytest.raises(JobFailed, match="TokensNotConfigured"):
        await ctx.token(SCOPE)
    with pytest.raises(JobFailed, match="TokensNotConfigured"):
        ctx.get_token(SCOPE)
    with pytest.raises(JobFailed, match="PermissionsNotConfigured"):
        await ctx.permissions()
    with pytest.raises(JobFailed, match="PermissionsNotConfigured"):
        ctx.get_permissions()
    with pytest.raises(JobFailed, match="DefinitionNotKnown"):
        await ctx.definition()
    with pytest.raises(JobFailed, match="DefinitionNotKnown"):
        ctx.get_definition()


def test_a_missing_consent_is_told_in_both_spellings_of_the_claim() -> None:
    raised = AuthUIRequired(
        "AADSTS65001: no consent", error="invalid_grant", scopes=["a", "b"], claims=CLAIMS
    )

    assert describe_failure(raised) == JobError(
        "AuthUIRequired",
        "AADSTS65001: no consent",
        "System",
        False,
        (),
        (
            ErrorDetail(
                "invalid_grant",
                "Interaction required",
                (),
                (
                    ("additionalScopesToConsent", "a, b"),
                    ("claimsForCondtionalAccessPolicy", CLAIMS),
                    ("claimsForConditionalAccessPolicy", CLAIMS),
                ),
            ),
        ),
    )


@pytest.mark.parametrize("claims", ["", CLAIMS])
@pytest.mark.parametrize("scopes", [(), ("a",), ("a", "b")])
def test_what_the_server_says_of_a_missing_consent_reaches_the_job_whole(
    scopes: tuple[str, ...], claims: str
) -> None:
    told = auth_ui_required("needed", error="interaction_required", scopes=scopes, claims=claims)

    raised = failure_of(told)

    assert isinstance(raised, AuthUIRequired)
    assert (raised.error, raised.scopes, raised.claims) == ("interaction_required", scopes, claims)
    assert describe_failure(raised) == told


def test_a_missing_consent_travels_back_from_a_process_pool() -> None:
    raised = AuthUIRequired("needed", error="invalid_grant", scopes=["a"], claims=CLAIMS)

    again = pickle.loads(pickle.dumps(raised))

    assert isinstance(again, AuthUIRequired)
    assert describe_failure(again) == describe_failure(raised)


def test_any_other_error_of_the_server_is_an_ordinary_failure() -> None:
    told = JobError("NoUser", "nobody", "User", True, ("p",), (ErrorDetail("d", "m", ("x",), (("a", "b"),)),))

    raised = failure_of(told)

    assert type(raised) is JobFailed
    assert describe_failure(raised) == told
