"""What a job tells is bounded and sendable, whatever it is, before it goes to the supervisor."""

import logging
from collections.abc import Callable
from threading import Event

import pytest

from weft.engine.jobs import Progress
from weft.kit.telling import Teller
from weft.runners.frames import LARGEST_BYTES, AnyFrame, Lines, Told, pack


class Heard:
    """Takes frames as the channel does: packed."""

    def __init__(self, fails: Callable[[AnyFrame], bool] = lambda frame: False) -> None:
        self.frames: list[AnyFrame] = []
        self.sizes: list[int] = []
        self.told = Event()
        self._fails = fails

    def send(self, frame: AnyFrame) -> None:
        if self._fails(frame):
            raise ValueError("this one cannot be sent")
        self.sizes.append(len(pack(frame)))
        self.frames.append(frame)
        if isinstance(frame, Told):
            self.told.set()

    @property
    def texts(self) -> list[str]:
        return [text for frame in self.frames if isinstance(frame, Lines) for _, _, text in frame.lines]


def a_record(message: object, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("a", logging.INFO, "job.py", 7, message, arguments, None)


def test_half_a_character_in_the_text_of_progress_is_spelled_out() -> None:
    heard = Heard()
    teller = Teller(heard.send)

    teller.progress(Progress(1, 2, "file-\udcff.csv"))
    teller.send_all()

    assert heard.frames == [Told(0, Progress(1, 2, "file-\\udcff.csv"))]


def test_a_text_of_progress_without_end_is_cut() -> None:
    heard = Heard()
    teller = Teller(heard.send)

    teller.progress(Progress(1, 2, "ü" * 9_000_000))
    teller.send_all()

    (told,) = heard.frames
    assert isinstance(told, Told)
    assert len(told.progress.text) == 4_000


@pytest.mark.parametrize("character", ["x", "ü", "\U0001f600"])
def test_a_burst_of_long_lines_goes_in_frames_that_fit(character: str) -> None:
    heard = Heard()
    teller = Teller(heard.send)

    for number in range(2_000):
        teller.emit(a_record(f"{number} {character * 9_000}"))
    teller.send_all()

    assert len(heard.texts) == 2_000
    assert max(heard.sizes) <= LARGEST_BYTES / 4
    assert max(len(text.encode()) for text in heard.texts) <= 8 * 1024 + len("…".encode())


def test_a_report_that_cannot_be_sent_keeps_no_later_one_from_being_sent() -> None:
    heard = Heard(fails=lambda frame: isinstance(frame, Lines) and frame.lines != ())
    teller = Teller(heard.send)

    teller.emit(a_record("lost"))
    teller.send_all()
    teller.progress(Progress(1, 2, ""))

    assert heard.told.wait(20)
    assert Lines(0, (), 1) in heard.frames


class Unsayable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_log_call_with_what_says_nothing_of_itself_is_named_by_its_place() -> None:
    heard = Heard()
    teller = Teller(heard.send)

    teller.emit(a_record("%s", Unsayable()))
    teller.send_all()

    assert heard.texts == ["a log call in job.py:7 could not be formatted"]
