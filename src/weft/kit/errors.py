"""How a job's function ends other than by returning, and what can be wrong with a workload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weft.catalog import errors
from weft.catalog.tokens import AUTH_UI_REQUIRED, CLAIMS_PARAMETERS, SCOPES_PARAMETER, auth_ui_required
from weft.engine import jobs
from weft.engine.jobs import JobError

SOURCES = ("User", "System", "External")


class JobCancelled(BaseException):
    """Raised inside a plain function whose job is cancelled, once; clean up and let it pass.

    It is no Exception, so that `except Exception` does not swallow it. An async function gets asyncio's
    own CancelledError in its place.
    """


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One more thing to know of a failure: an entry of the contract's `moreDetails`."""

    code: str
    message: str
    parameters: Sequence[str] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: ErrorDetail | Mapping[str, Any]) -> ErrorDetail:
        """Return *given* as a detail; a mapping may use our names or those of the contract.

        Raises TypeError where it has no code or no message.
        """
        if isinstance(given, ErrorDetail):
            return given
        if not isinstance(given, Mapping):
            raise TypeError(f"a detail is an ErrorDetail or a mapping, not {given!r}")
        code = given.get("code", given.get("errorCode"))
        if code is None or "message" not in given:
            raise TypeError(f"a detail has a code and a message; this has {sorted(map(str, given))}")
        return cls(
            str(code),
            str(given["message"]),
            tuple(map(str, given.get("parameters", given.get("messageParameters", ())))),
            _pairs(given.get("extra", given.get("additionalParameters", {}))),
        )


class JobFailed(Exception):
    """Raise it to fail a job on purpose, with everything the contract's ErrorDetails can say.

    *source* is "User", "System" or "External"; *is_permanent* False says that another try may help.
    *details* are ErrorDetail objects or mappings with `code` and `message`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        source: str = "User",
        is_permanent: bool = True,
        parameters: Iterable[object] = (),
        details: Iterable[ErrorDetail | Mapping[str, Any]] = (),
    ) -> None:
        if source not in SOURCES:
            raise ValueError(f"source is one of {', '.join(SOURCES)}, not {source!r}")
        super().__init__(f"{code}: {message}")
        self.code = str(code)
        self.message = str(message)
        self.source = source
        self.is_permanent = bool(is_permanent)
        self.parameters = tuple(map(str, parameters))
        self.details = tuple(ErrorDetail.of(detail) for detail in details)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it travel back from a process pool of the job's own."""
        return (
            _failed_again,
            (self.code, self.message, self.source, self.is_permanent, self.parameters, self.details),
        )


class AuthUIRequired(JobFailed):
    """There is no token until the job's user consents, or signs in again: the portal can ask them to.

    Where it is not caught, the job fails with the contract's error of that name. *error* is that of OAuth,
    *scopes* what has to be consented to, *claims* the challenge of a conditional access policy, as JSON.
    """

    def __init__(
        self,
        message: str,
        *,
        error: str = "interaction_required",
        scopes: Sequence[str] = (),
        claims: str = "",
    ) -> None:
        told = auth_ui_required(message, error=error, scopes=scopes, claims=claims)
        super().__init__(
            told.code, message, source=told.source, is_permanent=False, details=map(_detail, told.details)
        )
        self.error = error
        self.scopes = tuple(scopes)
        self.claims = claims

    def __reduce__(self) -> tuple[Any, ...]:
        return _ui_required_again, (self.message, self.error, self.scopes, self.claims)


def failure_of(error: JobError) -> JobFailed:
    """Return the exception that says in a job what the server said as *error*."""
    if error.code == AUTH_UI_REQUIRED and error.details:
        said = dict(error.details[0].extra)
        scopes = said.get(SCOPES_PARAMETER, "")
        return AuthUIRequired(
            error.message,
            error=error.details[0].code,
            scopes=scopes.split(", ") if scopes else (),
            claims=said.get(CLAIMS_PARAMETERS[0], ""),
        )
    return JobFailed(
        error.code,
        error.message,
        source=error.source,
        is_permanent=bool(error.is_permanent),
        parameters=error.parameters,
        details=map(_detail, error.details),
    )


class WorkloadInvalid(ValueError):
    """A workload is declared in a way that cannot work."""


class PayloadInvalid(errors.PayloadInvalid):
    """What came with a job is not what its function takes."""


class WorkloadNotLoaded(Exception):
    """The workload named *spec* (`module:attribute`) could not be imported; *reason* says why."""

    def __init__(self, spec: str, reason: str) -> None:
        super().__init__(f"workload {spec!r}: {reason}")
        self.spec = spec
        self.reason = reason


def _detail(detail: jobs.ErrorDetail) -> ErrorDetail:
    return ErrorDetail(detail.code, detail.message, detail.parameters, dict(detail.extra))


def _ui_required_again(message: str, error: str, scopes: tuple[str, ...], claims: str) -> AuthUIRequired:
    return AuthUIRequired(message, error=error, scopes=scopes, claims=claims)


def _pairs(given: Any) -> Mapping[str, str]:
    """Return name and value pairs, from a mapping or from the contract's list of `{name, value}`."""
    if isinstance(given, Mapping):
        return {str(name): str(value) for name, value in given.items()}
    return {str(pair["name"]): str(pair["value"]) for pair in given}


def _failed_again(
    code: str,
    message: str,
    source: str,
    is_permanent: bool,
    parameters: tuple[str, ...],
    details: tuple[ErrorDetail, ...],
) -> JobFailed:
    return JobFailed(
        code, message, source=source, is_permanent=is_permanent, parameters=parameters, details=details
    )
