"""What a job's function is given beside its payload: who wants what, and ways to tell and to listen."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from weft.kit.errors import JobFailed
from weft.kit.items import definition_of

LOG = logging.getLogger("weft.job")


class Supervision(Protocol):
    """What stands behind a context: the process it runs in, or a stand-in in the tests of a workload."""

    @property
    def cancelled(self) -> bool: ...

    def wait_cancelled(self, seconds: float | None) -> bool: ...

    def uninterrupted(self) -> AbstractContextManager[None]: ...

    def progress(self, done: float, total: float, text: str) -> None: ...


class Questions(Protocol):
    """Who is asked for tokens and permissions: the supervisor, or a stand-in in the tests of a workload.

    Raises JobFailed where there is an error in place of an answer.
    """

    async def token(self, scope: str, as_app: bool) -> str: ...

    def get_token(self, scope: str, as_app: bool) -> str: ...

    async def permissions(self) -> tuple[str, ...]: ...

    def get_permissions(self) -> tuple[str, ...]: ...


class DefinitionQuestions(Protocol):
    """Who is asked for the definition of the job's item: the contract's ItemDefinition as JSON, b"": none.

    Raises JobFailed where there is an error in place of the answer.
    """

    async def definition(self) -> bytes: ...

    def get_definition(self) -> bytes: ...


class NobodyToAsk:
    """For jobs without a supervisor."""

    async def token(self, scope: str, as_app: bool) -> str:
        return self.get_token(scope, as_app)

    def get_token(self, scope: str, as_app: bool) -> str:
        raise JobFailed(
            "TokensNotConfigured", f"There is nobody to give a token for {scope!r}.", source="System"
        )

    async def permissions(self) -> tuple[str, ...]:
        return self.get_permissions()

    def get_permissions(self) -> tuple[str, ...]:
        why = "There is nobody to tell the permissions of the job's user."
        raise JobFailed("PermissionsNotConfigured", why, source="System")

    async def definition(self) -> bytes:
        return self.get_definition()

    def get_definition(self) -> bytes:
        why = "There is nobody to give the definition of the job's item."
        raise JobFailed("DefinitionNotKnown", why, source="System")


class JobContext:
    """One run of one job, as its function sees it. Ids are canonical UUIDs, "" where not known.

    *log* is an ordinary logger whose lines are kept with the job, as is everything that is printed.
    """

    log = LOG

    def __init__(
        self,
        *,
        job_id: str,
        job_type: str,
        attempt: int,
        labels: Mapping[str, str],
        supervision: Supervision,
        questions: Questions | None = None,
        definitions: DefinitionQuestions | None = None,
    ) -> None:
        self.job_id = job_id
        self.job_type = job_type
        self.attempt = attempt
        self.workspace_id = labels.get("workspace", "")
        self.item_id = labels.get("item", "")
        self.item_type = labels.get("item_type", "")
        self.tenant_id = labels.get("tenant", "")
        self.user_id = labels.get("user", "")
        self.invoke_type = labels.get("invoke_type", "")
        self.activity_id = labels.get("activity_id", "")
        self.request_id = labels.get("request_id", "")
        self._supervision = supervision
        self._questions = questions or NobodyToAsk()
        self._definitions = definitions or NobodyToAsk()

    def __repr__(self) -> str:
        return f"<JobContext {self.job_type} {self.job_id}>"

    @property
    def cancelled(self) -> bool:
        """Whether the job is to be cancelled; threads of the job ask here, its function is also told."""
        return self._supervision.cancelled

    def wait_cancelled(self, seconds: float | None = None) -> bool:
        """Wait up to *seconds* (None: for ever) for a cancel, and return whether there is one."""
        return self._supervision.wait_cancelled(seconds)

    def uninterrupted(self) -> AbstractContextManager[None]:
        """Put off JobCancelled until the end of a `with` block, e.g. around a write of two parts.

        The time a cancelled job has for its clean-up runs all the same.
        """
        return self._supervision.uninterrupted()

    def progress(self, done: float, total: float = 0, text: str = "") -> None:
        """Tell how far the job is, in units of its own; total 0: not known.

        Call it as often as you like: about ten a second are passed on, and always the last.
        Raises ValueError for a number that is not finite or below zero.
        """
        self._supervision.progress(_amount("done", done), _amount("total", total), str(text))

    async def token(self, scope: str, *, as_app: bool = False) -> str:
        """Return an access token for *scope*, on behalf of the job's user, or *as_app* of the workload's app.

        It is valid for five more minutes: ask again before each call, it costs nothing until then. *scope* is
        e.g. `https://storage.azure.com/.default`. Raises AuthUIRequired where the user has to consent or to
        sign in, and JobFailed where there is no token for another reason.
        """
        return await self._questions.token(_scope(scope), as_app)

    def get_token(self, scope: str, *, as_app: bool = False) -> str:
        """As `token`, for plain functions and threads: it waits for the answer."""
        return self._questions.get_token(_scope(scope), as_app)

    async def permissions(self) -> tuple[str, ...]:
        """Return what the job's user may do with the job's item, e.g. `("Read", "Write")`, as it is now.

        Raises what `token` raises.
        """
        return await self._questions.permissions()

    def get_permissions(self) -> tuple[str, ...]:
        """As `permissions`, for plain functions and threads: it waits for the answer."""
        return self._questions.get_permissions()

    async def definition(self) -> Mapping[str, bytes]:
        """Return the content of each part of the item's definition, by its path; empty: the item has none.

        It is the definition as it was when the job first asked. Raises JobFailed where nobody knows it.
        """
        return definition_of(await self._definitions.definition())

    def get_definition(self) -> Mapping[str, bytes]:
        """As `definition`, for plain functions and threads: it waits for the answer."""
        return definition_of(self._definitions.get_definition())


def _scope(given: str) -> str:
    scope = str(given).strip()
    if not scope or not scope.isprintable():
        raise ValueError(f"a scope is such as 'https://storage.azure.com/.default', not {given!r}")
    return scope


def _amount(name: str, given: float) -> float:
    number = float(given)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"progress: {name} is a finite number from 0 on, not {given!r}")
    return number
