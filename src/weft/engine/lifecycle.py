"""The life of a job as a table: from which state an event leads to which; no other place decides a state."""

from enum import StrEnum


class State(StrEnum):
    ACCEPTED = "accepted"
    DISPATCHING = "dispatching"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEDUPED = "deduped"

    @property
    def is_final(self) -> bool:
        return self in FINAL


class Event(StrEnum):
    SUBMIT = "submit"
    DUPLICATE = "duplicate"  # another job lives in its place, this one never will
    BURY = "bury"  # refuse a job that has not been submitted yet
    REFUSE = "refuse"  # a job that is due may not run, and is kept to say so
    DISPATCH = "dispatch"  # a call that may start the work elsewhere is about to be sent
    START = "start"
    ADOPT = "adopt"  # another worker takes over work that goes on elsewhere
    CANCEL = "cancel"
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"  # this attempt has failed, another one may start after a while
    STOP = "stop"  # after a cancel, the work has provably stopped
    LOSE = "lose"  # the worker is gone, and the work with it
    REQUEUE = "requeue"  # the worker is gone, and the job may start again


class IllegalMove(Exception):
    """An event that the table does not know in a state: a mistake of ours, never of a caller."""

    def __init__(self, state: State | None, event: Event) -> None:
        super().__init__(f"no move for event {event!r} from state {state!r}")
        self.state = state
        self.event = event


FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.DEDUPED})

# A cancel of a dispatched or running job changes no state: it is a durable intent beside it, and the job is
# cancelled only when its work has stopped.
TABLE: dict[tuple[State | None, Event], State] = {
    (None, Event.SUBMIT): State.ACCEPTED,
    (None, Event.DUPLICATE): State.DEDUPED,
    (None, Event.BURY): State.CANCELLED,
    (None, Event.REFUSE): State.FAILED,
    (State.ACCEPTED, Event.DISPATCH): State.DISPATCHING,
    (State.ACCEPTED, Event.START): State.RUNNING,
    (State.ACCEPTED, Event.CANCEL): State.CANCELLED,
    (State.DISPATCHING, Event.DISPATCH): State.DISPATCHING,
    (State.DISPATCHING, Event.START): State.RUNNING,
    (State.DISPATCHING, Event.ADOPT): State.DISPATCHING,
    (State.DISPATCHING, Event.CANCEL): State.DISPATCHING,
    (State.DISPATCHING, Event.COMPLETE): State.COMPLETED,
    (State.DISPATCHING, Event.FAIL): State.FAILED,
    (State.DISPATCHING, Event.STOP): State.CANCELLED,
    (State.RUNNING, Event.ADOPT): State.RUNNING,
    (State.RUNNING, Event.CANCEL): State.RUNNING,
    (State.RUNNING, Event.COMPLETE): State.COMPLETED,
    (State.RUNNING, Event.FAIL): State.FAILED,
    (State.RUNNING, Event.RETRY): State.ACCEPTED,
    (State.RUNNING, Event.STOP): State.CANCELLED,
    (State.RUNNING, Event.LOSE): State.FAILED,
    (State.RUNNING, Event.REQUEUE): State.ACCEPTED,
}


def next_state(state: State | None, event: Event) -> State:
    """Return where *event* leads from *state* (None: no such job yet).

    Raises IllegalMove where the table has no row.
    """
    try:
        return TABLE[state, event]
    except KeyError:
        raise IllegalMove(state, event) from None


def sources(event: Event) -> tuple[State, ...]:
    """Return the states that *event* may leave, in the order of the table."""
    return tuple(state for state, known in TABLE if known is event and state is not None)
