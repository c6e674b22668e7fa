"""A workload: a named set of job types, each done by a decorated Python function."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from weft.kit.context import JobContext
from weft.kit.errors import WorkloadInvalid, WorkloadNotLoaded

JobFunction = Callable[[JobContext, Any], Any]
JobName = tuple[str, str]

_F = TypeVar("_F", bound=JobFunction)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")


class Workload:
    """What a module exports to be hosted: `workload = Workload("Contoso.FinanceAnalytics")`."""

    def __init__(self, name: str) -> None:
        self.name = _checked("workload", name)
        self._jobs: dict[JobName, JobFunction] = {}
        self._spelling: dict[JobName, JobName] = {}

    def __repr__(self) -> str:
        return f"<Workload {self.name} with {len(self._jobs)} job types>"

    def job(self, item_type: str, job_type: str) -> Callable[[_F], _F]:
        """Make the decorated function, plain or async, the job *job_type* of items of *item_type*.

        It is called with a JobContext and the payload (the JSON value that came with the job, `{}` where
        none did), in a process of its own; what it returns, a JSON value, is kept as the job's result.
        Raises WorkloadInvalid for a malformed name, a name that is taken in any case, and a function that
        cannot be called so.
        """
        name = (_checked("item type", item_type), _checked("job type", job_type))

        def register(function: _F) -> _F:
            self._add(name, function)
            return function

        return register

    @property
    def jobs(self) -> Mapping[JobName, JobFunction]:
        """The functions by item type and job type."""
        return MappingProxyType(self._jobs)

    @property
    def item_types(self) -> tuple[str, ...]:
        """The item types, in the order of their registration."""
        return tuple(dict.fromkeys(item_type for item_type, _ in self._jobs))

    def find(self, item_type: str, job_type: str) -> JobName | None:
        """Return the registered spelling of a name given in any case, or None."""
        return self._spelling.get(_folded((item_type, job_type)))

    def _add(self, name: JobName, function: JobFunction) -> None:
        taken = self.find(*name)
        if taken is not None:
            raise WorkloadInvalid(f"job {_said(name)} is registered already, as {_said(taken)}")
        spelling = {item_type.lower(): item_type for item_type in self.item_types}
        if spelling.get(name[0].lower(), name[0]) != name[0]:
            raise WorkloadInvalid(
                f"item type {name[0]!r} is registered already, as {spelling[name[0].lower()]!r}"
            )
        _check_signature(name, function)
        self._jobs[name] = function
        self._spelling[_folded(name)] = name


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
    return found


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
