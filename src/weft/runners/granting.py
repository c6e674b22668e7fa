"""Gives a running job what it asks its supervisor for: tokens, its user's permissions, its item's definition.

The job's process holds no secret: what a token costs is known here only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from weft.catalog.definitions import Definitions, NoDefinitions
from weft.catalog.locks import Locks
from weft.catalog.tokens import (
    VALID_FOR_AT_LEAST,
    NoPermissions,
    NoTokens,
    Permissions,
    Token,
    TokenSource,
)
from weft.engine.clock import SystemClock
from weft.engine.jobs import Job, JobError
from weft.engine.ports import Clock
from weft.runners.frames import (
    LARGEST_BYTES,
    DefinitionGiven,
    DefinitionWanted,
    Given,
    PermissionsGiven,
    TokenGiven,
    TokenWanted,
    Wanted,
)

ANSWER_SECONDS = 30.0
MOST_AT_ONCE = 256
MOST_SCOPES = 64
LONGEST_SCOPE = 2000
LARGEST_DEFINITION_BYTES = LARGEST_BYTES - 1024

Found = Token | tuple[str, ...] | bytes | JobError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where tokens, permissions and definitions come from; by default there are none."""

    tokens: TokenSource = field(default_factory=NoTokens)
    permissions: Permissions = field(default_factory=NoPermissions)
    definitions: Definitions = field(default_factory=NoDefinitions)
    clock: Clock = field(default_factory=SystemClock)
    seconds: float = ANSWER_SECONDS


class Granting:
    """What one job asks for, from its begin to its end. Each question is answered once, and in bounded time.

    A token is given again until it is about to expire: the job may ask before each of its calls. A definition
    that was given stays what it was: the job sees one, whatever is uploaded meanwhile.
    """

    def __init__(self, sources: Sources, job: Job, answer: Callable[[Given], None]) -> None:
        self._sources = sources
        self._job = job
        self._answer = answer
        self._tokens: dict[tuple[str, bool], Token] = {}
        self._definition: bytes | None = None
        self._locks = Locks()
        self._asked: set[asyncio.Task[None]] = set()

    def hear(self, wanted: Wanted) -> None:
        if len(self._asked) >= MOST_AT_ONCE:
            why = f"More than {MOST_AT_ONCE} questions of the job wait for an answer."
            self._answer(_given(wanted, JobError("TooManyQuestions", why, "User", is_permanent=False)))
            return
        task = asyncio.create_task(self._serve(wanted), name=f"question {wanted.number} of a job")
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    def end(self) -> set[asyncio.Task[None]]:
        """Answer nothing any more; return what is yet to end."""
        for task in self._asked:
            task.cancel()
        return set(self._asked)

    async def _serve(self, wanted: Wanted) -> None:
        try:
            async with asyncio.timeout(self._sources.seconds):
                found = await self._found(wanted)
        except TimeoutError:
            why = f"There was no answer within {self._sources.seconds:g} s."
            found = JobError("TokenUnavailable", why, "System", is_permanent=False)
        except Exception:
            log.exception("question of a job not answered", extra={"job": self._job.key.id})
            found = JobError("InternalError", "The question could not be answered.", "System", False)
        self._answer(_given(wanted, found))

    async def _found(self, wanted: Wanted) -> Found:
        if isinstance(wanted, DefinitionWanted):
            async with self._locks.of(DefinitionWanted):
                return await self._of_item()
        if not isinstance(wanted, TokenWanted):
            return await self._sources.permissions.permissions(self._job)
        if len(wanted.scope) > LONGEST_SCOPE:
            why = f"A scope of {len(wanted.scope)} characters is longer than {LONGEST_SCOPE}."
            return JobError("InvalidScope", why, "User", is_permanent=True)
        async with self._locks.of((wanted.scope, wanted.as_app)):
            return await self._token(wanted.scope, wanted.as_app)

    async def _of_item(self) -> bytes | JobError:
        if self._definition is not None:
            return self._definition
        found = await self._sources.definitions.definition(self._job)
        if isinstance(found, JobError):
            return found
        if len(found) > LARGEST_DEFINITION_BYTES:
            why = f"The definition has {len(found)} bytes, more than {LARGEST_DEFINITION_BYTES}."
            return JobError("DefinitionTooLarge", why, "User", is_permanent=True)
        self._definition = found
        return found

    async def _token(self, scope: str, as_app: bool) -> Token | JobError:
        key = (scope, as_app)
        known = self._tokens.get(key)
        if known is not None and known.expires_at - self._sources.clock.now() >= VALID_FOR_AT_LEAST:
            return known
        found = await self._sources.tokens.token(self._job, scope, as_app)
        if isinstance(found, Token):
            self._keep(key, found)
        return found

    def _keep(self, key: tuple[str, bool], token: Token) -> None:
        if len(self._tokens) >= MOST_SCOPES and key not in self._tokens:
            self._tokens.clear()
        self._tokens[key] = token


def _given(wanted: Wanted, found: Found) -> Given:
    error = found if isinstance(found, JobError) else None
    if isinstance(wanted, DefinitionWanted):
        definition = found if isinstance(found, bytes) else b""
        return DefinitionGiven(wanted.turn, wanted.number, definition, error)
    if isinstance(wanted, TokenWanted):
        token = found.text if isinstance(found, Token) else ""
        return TokenGiven(wanted.turn, wanted.number, token, error)
    permissions = found if isinstance(found, tuple) else ()
    return PermissionsGiven(wanted.turn, wanted.number, permissions, error)
