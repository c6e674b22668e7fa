"""What can be wrong with a manifest package: each finding names file, line and element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SHOWN_CHARACTERS: Final = 100
MOST_FINDINGS: Final = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """*file* is relative to the package; "" is the package itself. *line* 0: of the file as a whole."""

    file: str
    line: int
    element: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.element, self.message) if part)


class ManifestInvalid(Exception):
    """A package that cannot be used. *errors* are all that were found, *warnings* what was odd besides."""

    def __init__(self, errors: Sequence[Finding], warnings: Sequence[Finding] = ()) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)
        self.warnings = tuple(warnings)


class TooManyFindings(Exception):
    """Enough is wrong; nothing more is looked at."""


class Report:
    """Gathers what is wrong with one package. Adding may raise TooManyFindings."""

    def __init__(self) -> None:
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def error(self, file: str, line: int, element: str, message: str) -> None:
        self.errors.append(Finding(file, line, element, message))
        if len(self.errors) == MOST_FINDINGS:
            self.errors.append(Finding("", 0, "", "there are more errors; they are not shown"))
            raise TooManyFindings

    def warn(self, file: str, line: int, element: str, message: str) -> None:
        if len(self.warnings) < MOST_FINDINGS:
            self.warnings.append(Finding(file, line, element, message))

    def refusal(self) -> ManifestInvalid:
        return ManifestInvalid(self.errors, self.warnings)


def refused(file: str, message: str, *, line: int = 0, element: str = "") -> ManifestInvalid:
    """Return the error of a package of which nothing else can be said."""
    return ManifestInvalid([Finding(file, line, element, message)])


def shown(value: str) -> str:
    """Return *value* fit for a message: quoted, without control characters, at most 100 characters."""
    text = ascii(value[: SHOWN_CHARACTERS + 1])
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."


def listed(words: Sequence[str]) -> str:
    """Return "a", "a or b" or "a, b or c"."""
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
