"""A workload: a named set of job types, each done by a decorated Python function."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from weft.engine.jobs import RunPolicy
from weft.kit.context import JobContext
from weft.kit.errors import WorkloadInvalid, WorkloadNotLoaded
from weft.kit.payloads import NotYetKnown, Reader, reader_of

LONGEST_TIMEOUT_SECONDS = 24 * 24 * 3600.0
"""As long as any job may run at all."""
LONGEST_BACKOFF_SECONDS = 24 * 3600.0
MOST_RETRIES = 1000
MOST_CONCURRENCY = 10_000

JobFunction = Callable[[JobContext, Any], Any]
JobName = tuple[str, str]

_F = TypeVar("_F", bound=JobFunction)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")


class ItemHook(StrEnum):
    """What stands in the place of a job type where a hook is called: no job type can be called so."""

    CREATE = "@create"
    UPDATE = "@update"
    DELETE = "@delete"
    RESTORE = "@restore"


class Workload:
    """What a module exports to be hosted: `workload = Workload("Contoso.FinanceAnalytics")`."""

    def __init__(self, name: str, *, takes_parameters: bool = False) -> None:
        """*takes_parameters*: a run may name parameters; they are then the payload's member `parameters`."""
        self.name = _checked("workload", name)
        self.takes_parameters = takes_parameters
        self._jobs: dict[JobName, JobFunction] = {}
        self._policies: dict[JobName, RunPolicy] = {}
        self._alone: set[JobName] = set()
        self._hooks: dict[JobName, JobFunction] = {}
        self._readers: dict[JobName, Reader] = {}
        self._spelling: dict[JobName, JobName] = {}

    def __repr__(self) -> str:
        return f"<Workload {self.name} with {len(self._jobs)} job types>"

    def job(  # noqa: PLR0913 - each says one thing of the job type
        self,
        item_type: str,
        job_type: str,
        *,
        timeout: float | None = None,
        retries: int = 0,
        backoff: float = 1.0,
        longest_backoff: float = 60.0,
        resumable: bool = False,
        concurrency: int | None = None,
        own_process: bool = False,
    ) -> Callable[[_F], _F]:
        """Make the decorated function, plain or async, the job *job_type* of items of *item_type*.

        It is called with a JobContext and the payload (the JSON value that came with the job, `{}` where
        none did), in a process of its own; what it returns, a JSON value, is kept as the job's result. Where
        its second parameter is annotated with a class, it is given an instance of it, and a payload that
        makes none is refused before there is a job.
        *own_process*: its process does no job afterwards, whatever this one has changed in it.
        Times are seconds; see RunPolicy for what they and the others mean. Raises WorkloadInvalid for a
        malformed name, a name that is taken in any case, a setting out of its range, a function that
        cannot be called so, and a payload type that no JSON object can become.
        """
        name = (_checked("item type", item_type), _checked("job type", job_type))
        check = _Settings(name)
        first = check.seconds("backoff", backoff, LONGEST_BACKOFF_SECONDS, may_be_zero=True)
        policy = RunPolicy(
            timeout=None if timeout is None else check.seconds("timeout", timeout, LONGEST_TIMEOUT_SECONDS),
            retries=check.whole("retries", retries, least=0, most=MOST_RETRIES),
            backoff_first=first,
            backoff_most=check.longest_backoff(longest_backoff, first),
            resumable=check.flag("resumable", resumable),
            concurrency=None
            if concurrency is None
            else check.whole("concurrency", concurrency, least=1, most=MOST_CONCURRENCY),
        )
        is_alone = check.flag("own_process", own_process)

        def register(function: _F) -> _F:
            self._add(name, function)
            self._policies[name] = policy
            if is_alone:
                self._alone.add(name)
            return function

        return register

    def on_create(self, item_type: str) -> Callable[[_F], _F]:
        """Make the decorated function the hook that is called before an item of *item_type* is made.

        It is called like a job, with a JobContext and the Item. What it raises keeps the item from being
        made; what it returns, a JSON object, becomes the item's payload; None: the payload that came.
        """
        return self._hook(item_type, ItemHook.CREATE)

    def on_update(self, item_type: str) -> Callable[[_F], _F]:
        """As on_create, before an item is changed; the Item is as it will be."""
        return self._hook(item_type, ItemHook.UPDATE)

    def on_delete(self, item_type: str) -> Callable[[_F], _F]:
        """As on_create, when an item is deleted and its jobs have stopped; what it raises is logged only."""
        return self._hook(item_type, ItemHook.DELETE)

    def on_restore(self, item_type: str) -> Callable[[_F], _F]:
        """As on_create, before an item that was deleted softly is there again."""
        return self._hook(item_type, ItemHook.RESTORE)

    @property
    def jobs(self) -> Mapping[JobName, JobFunction]:
        """The functions by item type and job type."""
        return MappingProxyType(self._jobs)

    @property
    def hooks(self) -> Mapping[JobName, JobFunction]:
        """The hooks by item type and ItemHook."""
        return MappingProxyType(self._hooks)

    @property
    def item_types(self) -> tuple[str, ...]:
        """The item types, in the order of their registration."""
        return tuple(dict.fromkeys(item_type for item_type, _ in (*self._jobs, *self._hooks)))

    def job_types(self, item_type: str) -> tuple[str, ...]:
        """Return the job types of *item_type*, as registered, in the order of their registration."""
        return tuple(job_type for known, job_type in self._jobs if known == item_type)

    def policy(self, item_type: str, job_type: str) -> RunPolicy:
        """Return how jobs of a registered name are run."""
        return self._policies[item_type, job_type]

    def needs_own_process(self, item_type: str, job_type: str) -> bool:
        """Return whether the process that does such a job does no other afterwards."""
        return (item_type, job_type) in self._alone

    def has_hook(self, item_type: str, hook: ItemHook) -> bool:
        return (item_type, hook) in self._hooks

    def check_payload(self, item_type: str, job_type: str, payload: bytes) -> None:
        """Check that the function of a registered name can be called with *payload*: JSON text, b"": none.

        Raises PayloadInvalid. It takes about as long as to read the JSON, and what validators of the author's
        own take: it is called where requests are served, which wait meanwhile.
        """
        self.payload_reader(item_type, job_type).read(payload)

    def payload_reader(self, item_type: str, job_type: str) -> Reader:
        """Return what makes the payload of jobs of a registered name from JSON. Raises WorkloadInvalid."""
        name = (item_type, job_type)
        if name not in self._readers:
            self._readers[name] = _reader(name, self._jobs[name])
        return self._readers[name]

    def find(self, item_type: str, job_type: str) -> JobName | None:
        """Return the registered spelling of a name given in any case, or None."""
        return self._spelling.get(_folded((item_type, job_type)))

    def _hook(self, item_type: str, hook: ItemHook) -> Callable[[_F], _F]:
        name = (_checked("item type", item_type), hook)

        def register(function: _F) -> _F:
            if name in self._hooks:
                raise WorkloadInvalid(f"item type {item_type!r} has a hook {hook[1:]!r} already")
            self._check_spelling(item_type)
            _check_signature(name, function)
            self._hooks[name] = function
            return function

        return register

    def _add(self, name: JobName, function: JobFunction) -> None:
        taken = self.find(*name)
        if taken is not None:
            raise WorkloadInvalid(f"job {_said(name)} is registered already, as {_said(taken)}")
        self._check_spelling(name[0])
        _check_signature(name, function)
        with suppress(_NotYet):  # its module is still being run: load_workload asks again
            self._readers[name] = _reader(name, function)
        self._jobs[name] = function
        self._spelling[_folded(name)] = name

    def _check_spelling(self, item_type: str) -> None:
        spelling = {known.lower(): known for known in self.item_types}
        if spelling.get(item_type.lower(), item_type) != item_type:
            raise WorkloadInvalid(
                f"item type {item_type!r} is registered already, as {spelling[item_type.lower()]!r}"
            )


def load_workload(spec: str) -> Workload:
    """Import the workload that *spec* names as `module:attribute`.

    Raises WorkloadNotLoaded, which says why.
    """
    module_name, colon, attribute = spec.partition(":")
    if not (module_name and colon and attribute):
        raise WorkloadNotLoaded(spec, "a workload is named as module:attribute, e.g. forecast:workload")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # user code is imported here, and may raise anything
        raise WorkloadNotLoaded(spec, _why_not_imported(module_name, error)) from error
    found = getattr(module, attribute, None)
    if found is None:
        raise WorkloadNotLoaded(spec, f"module {module_name!r} has no attribute {attribute!r}")
    if not isinstance(found, Workload):
        raise WorkloadNotLoaded(spec, f"{attribute!r} is a {type(found).__name__}, not a Workload")
    _check_payload_types(spec, found)
    return found


def _check_payload_types(spec: str, workload: Workload) -> None:
    """Resolve the annotations that could not be while their module was being run."""
    for name in workload.jobs:
        try:
            workload.payload_reader(*name)
        except WorkloadInvalid as invalid:
            raise WorkloadNotLoaded(spec, str(invalid)) from None


def _checked(what: str, name: str) -> str:
    if _NAME.fullmatch(str(name)) is None:
        raise WorkloadInvalid(
            f"{what} {name!r}: a name has 1 to 256 letters, digits, dots, hyphens and underscores,"
            " and begins with a letter or digit"
        )
    return name


def _check_signature(name: JobName, function: JobFunction) -> None:
    if not callable(function):
        raise WorkloadInvalid(f"job {_said(name)}: {function!r} is not a function")
    try:
        inspect.signature(function).bind(None, None)
    except TypeError as error:
        raise WorkloadInvalid(
            f"job {_said(name)}: the function is called with a context and a payload, and cannot be: {error}"
        ) from None
    except ValueError:
        return  # a builtin that tells no signature


class _NotYet(WorkloadInvalid):
    """The payload's annotation names what is not defined, or not yet."""


def _reader(name: JobName, function: JobFunction) -> Reader:
    try:
        return reader_of(function)
    except NotYetKnown as unknown:
        raise _NotYet(f"job {_said(name)}: {unknown}") from None
    except WorkloadInvalid as invalid:
        raise WorkloadInvalid(f"job {_said(name)}: {invalid}") from None


class _Settings:
    """Checks what is said of one job type; each check raises WorkloadInvalid."""

    def __init__(self, name: JobName) -> None:
        self._name = name

    def seconds(self, setting: str, given: object, most: float, *, may_be_zero: bool = False) -> timedelta:
        above = "from" if may_be_zero else "above"
        wanted = f"a number of seconds {above} 0 to {most:g}"
        if not isinstance(given, int | float) or isinstance(given, bool) or not math.isfinite(given):
            raise self._wrong(setting, wanted, given)
        if not 0 <= given <= most or (given == 0 and not may_be_zero):
            raise self._wrong(setting, wanted, given)
        return timedelta(seconds=given)

    def longest_backoff(self, given: object, first: timedelta) -> timedelta:
        longest = self.seconds("longest_backoff", given, LONGEST_BACKOFF_SECONDS, may_be_zero=True)
        if longest < first:
            raise self._wrong("longest_backoff", f"at least backoff, {first.total_seconds():g}", given)
        return longest

    def whole(self, setting: str, given: object, *, least: int, most: int) -> int:
        if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
            raise self._wrong(setting, f"a whole number from {least} to {most}", given)
        return given

    def flag(self, setting: str, given: object) -> bool:
        if not isinstance(given, bool):
            raise self._wrong(setting, "True or False", given)
        return given

    def _wrong(self, setting: str, wanted: str, given: object) -> WorkloadInvalid:
        return WorkloadInvalid(f"job {_said(self._name)}: {setting} is {wanted}, not {given!r}")


def _folded(name: JobName) -> JobName:
    """ASCII only: a name that is not ASCII is not registered, and must not fold into one that is."""
    return (_lower(name[0]), _lower(name[1]))


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text


def _said(name: JobName) -> str:
    return f"{name[0]}/{name[1]}"


def _why_not_imported(module_name: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and module_name.startswith(error.name):
        return f"there is no module {error.name!r} (PYTHONPATH and the current directory are searched)"
    return f"importing {module_name!r} failed: {type(error).__name__}: {error}"
