"""The table decides every state: what it does not name cannot happen."""

from itertools import product

import pytest

from weft.engine.lifecycle import FINAL, TABLE, Event, IllegalMove, State, next_state, sources

STATES = (None, *State)
LIVE = tuple(state for state in State if not state.is_final)


@pytest.mark.parametrize(("state", "event"), list(product(STATES, Event)))
def test_an_event_leads_where_the_table_says_or_is_illegal(state: State | None, event: Event) -> None:
    if (state, event) in TABLE:
        assert next_state(state, event) is TABLE[state, event]
        return

    with pytest.raises(IllegalMove) as refused:
        next_state(state, event)

    assert (refused.value.state, refused.value.event) == (state, event)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_nothing_leads_out_of_an_end(state: State) -> None:
    assert [event for source, event in TABLE if source is state] == []


def test_every_state_can_be_reached() -> None:
    reached: set[State] = set()

    for _ in State:
        reached |= {target for (source, _), target in TABLE.items() if source is None or source in reached}

    assert reached == set(State)


@pytest.mark.parametrize("state", LIVE)
def test_every_live_state_can_be_cancelled_and_can_end(state: State) -> None:
    assert (state, Event.CANCEL) in TABLE
    assert any(TABLE[source, event].is_final for source, event in TABLE if source is state)


@pytest.mark.parametrize("state", LIVE)
def test_a_cancel_ends_only_what_has_not_begun(state: State) -> None:
    expected = State.CANCELLED if state is State.ACCEPTED else state

    assert next_state(state, Event.CANCEL) is expected


def test_sources_are_the_states_that_an_event_may_leave() -> None:
    assert sources(Event.ADOPT) == (State.DISPATCHING, State.RUNNING)
    assert sources(Event.SUBMIT) == ()
