"""What the server has promised: every job it took, every cancel it took, every end it told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

FINAL = frozenset({"Completed", "Failed", "Cancelled", "Deduped"})


class Face(Enum):
    CORE = "core"
    HOST = "host"


@dataclass(frozen=True)
class End:
    status: str
    ended_at: str | None


@dataclass(eq=False)
class Promised:
    """A job whose create may have been answered. *path* is where it is read; instants are monotonic.

    *key*: what a run through Core is repeated by; its path is known once it was answered.
    """

    face: Face
    kind: str
    path: str
    file: Path
    accepted: bool = False
    cancel_accepted: bool = False
    status: str = ""
    end: End | None = None
    end_read_at: float = 0.0
    size_at_end: int = 0
    key: str = ""

    @property
    def can_be_repeated(self) -> bool:
        return self.face is Face.HOST or bool(self.key)

    @property
    def lives(self) -> bool:
        return self.accepted and self.end is None

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0


@dataclass
class Ledger:
    """Every record, and every broken promise found so far."""

    jobs: list[Promised] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def living(self) -> list[Promised]:
        return [job for job in self.jobs if job.lives]

    def ended(self) -> list[Promised]:
        return [job for job in self.jobs if job.end is not None]

    def violation(self, kind: str, detail: str) -> None:
        self.counts[f"broken: {kind}"] += 1
        self.broken.append(f"{kind}: {detail}")

    def read(self, job: Promised, state: dict[str, Any], *, asked_at: float, now: float) -> None:
        """Note what the server said of *job* to a question asked at *asked_at*."""
        end = End(state["status"], state.get("endTimeUtc"))
        if job.end is None:
            job.status = end.status
            if end.status in FINAL:
                job.end, job.end_read_at, job.size_at_end = end, now, job.size
                self.counts[f"ended {end.status}"] += 1
        elif asked_at > job.end_read_at and end != job.end:
            self.violation("an end changed", f"{job.path} from {job.end} to {end}")

    def missing(self, job: Promised) -> None:
        self.violation("an acknowledged job is lost", job.path)

    def check_files(self) -> None:
        """Look whether an ended job wrote on, and whether any job began twice."""
        for job in self.ended():
            if (size := job.size) != job.size_at_end and job.end:
                self.violation(
                    f"a {job.end.status.lower()} job wrote afterwards",
                    f"{job.kind} {job.path} from {job.size_at_end} to {size} bytes",
                )
                job.size_at_end = size

    def check_starts(self) -> None:
        for job in self.jobs:
            if job.file.exists() and (starts := job.file.read_bytes().count(b"start ")) > 1:
                self.violation("a job started more than once", f"{job.path} {starts} times")

    def check_all_ended(self) -> None:
        for job in self.living():
            word = "a cancel was never carried out" if job.cancel_accepted else "a job was left hanging"
            self.violation(word, f"{job.kind} {job.path} is {job.status or 'unread'}")

    def note_kill(self) -> None:
        """Count in which situations a kill found the jobs, as far as they had been read."""
        living = self.living()
        found = {
            "queued": any(job.status == "NotStarted" for job in living),
            "running": any(job.status == "InProgress" and not job.cancel_accepted for job in living),
            "cancelling": any(job.cancel_accepted for job in living),
        }
        self.counts["kills"] += 1
        self.counts.update(f"kills that hit a {name} job" for name, hit in found.items() if hit)
