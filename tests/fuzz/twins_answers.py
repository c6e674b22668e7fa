"""What an answer of the Twins face must be: in its envelope, and nothing for those who have no right."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from tests.fuzz.answers import Answer, is_of_no_face
from tests.fuzz.callers import Role
from tests.fuzz.message import Request
from weft.faces.twins.doors import CODES

UNAUTHORIZED: Final = {"statusCode": 401, "message": "Unauthorized"}
NO_SUCH_TENANT: Final = {"statusCode": 404, "message": "Sub-Domain not found"}
TOO_FAST: Final = {
    "error": {
        "statusCode": 429,
        "message": "Maximum request rate limit reached. For Azure Digital Twins rate limiting details please "
        "see http://aka.ms/dtv2limits.",
    }
}
STATUSES: Final = (200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 415, 421, 429, 431, 503)
NOT_IN_HEADER: Final = "JobNotFound"  # as recorded
_TRACE: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def twins_fault(request: Request, answer: Answer, role: Role) -> str:
    """Return what is wrong with an answer to a caller of *role*, or nothing."""
    if is_of_no_face(request, answer):
        return ""
    if answer.status not in STATUSES:
        return f"a {answer.status}"
    if answer.status == 503 and "retry-after" not in answer.headers:
        return "a 503 without Retry-After"
    if not _TRACE.fullmatch(answer.headers.get("traceresponse", "")):
        return "no traceresponse"
    if not answer.headers.get("mise-correlation-id"):
        return "no mise-correlation-id"
    return _right_fault(request, answer, role) or _body_fault(request, answer, role)


def _right_fault(request: Request, answer: Answer, role: Role) -> str:
    """Return what a caller was given that the role does not have."""
    if answer.status >= 300 or role is Role.OWNER:
        return ""
    reads = request.method == "GET" or request.path.lower() == "/query"
    return "" if role is Role.READER and reads else f"a {role} is answered {answer.status}"


def _body_fault(request: Request, answer: Answer, role: Role) -> str:
    if request.method == "HEAD" or answer.status == 204:
        return f"a body in a {answer.status}" if answer.body else ""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return f"no JSON in a {answer.status}: {answer.body[:100]!r}"
    if not isinstance(body, dict):
        return f"no object in a {answer.status}: {body!r}"
    if answer.status < 300:
        return ""
    return _error_fault(answer, body, role)


def _error_fault(answer: Answer, body: dict[str, Any], role: Role) -> str:
    if body in (UNAUTHORIZED, NO_SUCH_TENANT):
        return _gate_fault(answer, body, role)
    if body == TOO_FAST:
        return "" if answer.status == 429 and "retry-after" in answer.headers else "no Retry-After in a 429"
    error = body.get("error")
    if not isinstance(error, dict) or not _is_error(error):
        return f"no envelope in a {answer.status}: {body}"
    if role in (Role.STRANGER, Role.OUTSIDER) and error["code"] not in CODES.values():
        return f"a {role} is told {error['code']}"
    told = answer.headers.get("x-ms-error-code")
    wanted = None if error["code"] == NOT_IN_HEADER else error["code"]
    return "" if told == wanted else f"the header says {told}, not {wanted}, in a {answer.status}"


def _gate_fault(answer: Answer, body: dict[str, Any], role: Role) -> str:
    if body["statusCode"] != answer.status or "x-ms-error-code" in answer.headers:
        return f"a {answer.status} says {body}"
    if answer.status == 401 and not answer.headers.get("www-authenticate", "").startswith("Bearer"):
        return "a 401 without WWW-Authenticate"
    fits = Role.STRANGER if answer.status == 401 else Role.OUTSIDER
    return "" if role is fits else f"a {role} is told {body['message']}"


def _is_error(error: dict[str, Any]) -> bool:
    texts = all(isinstance(error.get(name), str) and error[name] for name in ("code", "message"))
    details = error.get("details", [])
    return texts and isinstance(details, list) and all(_is_error(detail) for detail in details)
