"""Tokens with which a running job calls other services: what they are, who gives them, and why there is none.

Trouble is an answer here, never an exception: a JobError goes back to the job as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from weft.engine.jobs import ErrorDetail, Job, JobError

VALID_FOR_AT_LEAST: Final = timedelta(minutes=5)

# The label of a job that holds its user's token, sealed. It is for the server alone.
SUBJECT_LABEL: Final = "sealed_subject_token"

AUTH_UI_REQUIRED: Final = "AuthUIRequired"
CONSENT_NEEDED: Final = "AADSTS65001"  # the portal looks for it in the message
SCOPES_PARAMETER: Final = "additionalScopesToConsent"
# The contract's first kit reads the claim under a name with a typing error, the second one without.
CLAIMS_PARAMETERS: Final = ("claimsForCondtionalAccessPolicy", "claimsForConditionalAccessPolicy")

_BEGIN: Final = "eyJ"
_WORD = re.compile(r"[\w.-]++", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token as it goes behind `Bearer `; it is never shown by `repr`."""

    text: str = field(repr=False)
    expires_at: datetime


class TokenSource(Protocol):
    async def token(self, job: Job, scope: str, as_app: bool) -> Token | JobError:
        """Return a token for *scope*: on behalf of the job's user, or of the workload's own app.

        It is valid for VALID_FOR_AT_LEAST, unless whoever issues it gives none so long. *scope* may name
        several scopes of one resource, with spaces between.
        """


class Permissions(Protocol):
    async def permissions(self, job: Job) -> tuple[str, ...] | JobError:
        """Return what the job's user may do with the job's item, e.g. `Read`, `Write`."""


class NoTokens:
    """For servers that are not told how to get tokens."""

    async def token(self, job: Job, scope: str, as_app: bool) -> JobError:
        return JobError(
            "TokensNotConfigured",
            f"There is no token for {scope!r}: this server is not configured to get tokens for jobs.",
            "System",
            is_permanent=True,
        )


class NoPermissions:
    """For servers that are not told where to ask."""

    async def permissions(self, job: Job) -> JobError:
        why = (
            "The permissions of the job's user are not known: this server is not configured to ask for them."
        )
        return JobError("PermissionsNotConfigured", why, "System", is_permanent=True)


def without_secrets(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a job that anybody but the server may have."""
    return {name: value for name, value in labels.items() if name != SUBJECT_LABEL}


def without_tokens(text: str) -> str:
    """Return *text*, of whoever was sent tokens, without any: it may be kept, and shown to others.

    It takes time in proportion to the text, whatever that holds.
    """
    return _WORD.sub(_hidden, text) if _BEGIN in text else text


def _hidden(word: re.Match[str]) -> str:
    at = word[0].find(_BEGIN)
    return f"{word[0][:at]}[token]" if at >= 0 and word[0].count(".", at) >= 2 else word[0]


def nobody(scope: str) -> JobError:
    why = f"There is no token for {scope!r} on behalf of a user: the job has none. Ask for one as the app."
    return JobError("NoUser", why, "User", is_permanent=True)


def auth_ui_required(
    message: str, *, error: str = "interaction_required", scopes: Sequence[str] = (), claims: str = ""
) -> JobError:
    """Return the contract's error for a user who has to consent, or to sign in again.

    *error* is that of OAuth, *claims* the challenge of a conditional access policy, as JSON.
    """
    extra = [(SCOPES_PARAMETER, ", ".join(scopes))] if scopes else []
    extra += [(name, claims) for name in CLAIMS_PARAMETERS] if claims else []
    detail = ErrorDetail(error, "Interaction required", (), tuple(extra))
    return JobError(AUTH_UI_REQUIRED, message, "System", is_permanent=False, details=(detail,))
