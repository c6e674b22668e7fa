"""What the contract's structs cannot say of requests for runs and for schedules."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from weft.contracts import core as wire
from weft.faces.core.checks import NO_BODY, check_name, json_object
from weft.faces.core.timetables import as_shown, timetable
from weft.faces.http import bad_body, decode, shown


@dataclass(frozen=True, slots=True)
class RunRequest:
    """*data* is the executionData as JSON text, `b""` where there is none; *parameters* are checked."""

    data: bytes = b""
    parameters: tuple[wire.Parameter, ...] = ()


def run_request(raw: bytes) -> RunRequest:
    """Raises Refused."""
    if raw.strip() in NO_BODY:
        return RunRequest()
    request = decode(raw, wire.RunOnDemandItemJobRequest)
    data = json_object(request.execution_data, "executionData")
    parameters = request.parameters or []
    _check_parameters(parameters)
    return RunRequest(data, tuple(parameters))


def with_parameters(request: RunRequest) -> bytes:
    """Return the executionData with the parameters as its member of that name, in the form of notebooks.

    `{"parameters": {"day": {"value": "2026-01-01", "type": "Text"}}}`. Raises Refused for one given twice.
    """
    data = msgspec.json.decode(request.data) if request.data else {}
    given = data.setdefault("parameters", {})
    if not isinstance(given, dict):
        raise bad_body("executionData.parameters", "executionData.parameters: must be an object")
    for index, parameter in enumerate(request.parameters):
        if parameter.name in given:
            field = f"parameters[{index}].name"
            raise bad_body(field, f"{field}: {shown(parameter.name)} is in executionData, too")
        given[parameter.name] = {"value": parameter.value, "type": parameter.type}
    return msgspec.json.encode(data)


@dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """*configuration* is as it is shown, *payload* the executionData, `b""` for none: both JSON text."""

    enabled: bool
    configuration: bytes
    payload: bytes


def schedule_request(raw: bytes) -> ScheduleRequest:
    """Raises Refused."""
    request = decode(raw, wire.ScheduleRequest)
    timetable(request.configuration)  # for what it refuses
    sent = msgspec.json.decode(raw, type=_AsSent)
    return ScheduleRequest(
        enabled=request.enabled,
        configuration=as_shown(bytes(sent.configuration)),
        payload=json_object(request.execution_data, "executionData"),
    )


class _AsSent(msgspec.Struct):
    configuration: msgspec.Raw


def _check_parameters(parameters: list[wire.Parameter]) -> None:
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        field = f"parameters[{index}]"
        check_name(parameter.name, f"{field}.name")
        if parameter.name.casefold() in seen:
            raise bad_body(f"{field}.name", f"{field}.name: {shown(parameter.name)} is given twice")
        seen.add(parameter.name.casefold())
        if isinstance(parameter.value, dict | list):
            raise bad_body(f"{field}.value", f"{field}.value: must be a single value")
