"""Questions on a thread: only the latest counts, errors arrive, and the end is an end."""

from __future__ import annotations

import threading

import pytest

from napari_smi_inr.plugin._qt.latest import THREAD_NAME, Latest


class Oracle:
    """Answers with twice the number, when it is let."""

    def __init__(self):
        self.asked = []
        self.gate = threading.Event()
        self.begun = threading.Event()

    def answer(self, number):
        self.asked.append(number)
        self.begun.set()
        assert self.gate.wait(5)
        return 2 * number


def running():
    return [t for t in threading.enumerate() if t.name == THREAD_NAME]


@pytest.fixture
def oracle():
    return Oracle()


@pytest.fixture
def latest(oracle, qtbot):
    made = Latest(oracle.answer)
    made.heard = []
    made.answered.connect(made.heard.append)
    yield made
    oracle.gate.set()
    made.close()
    assert not running()


def test_an_answer_arrives_on_the_main_thread(latest, oracle, qtbot):
    where = []
    latest.answered.connect(lambda _: where.append(threading.current_thread()))
    oracle.gate.set()
    latest.ask(21)
    qtbot.waitUntil(lambda: bool(latest.heard))
    assert latest.heard[0].value == 42
    assert latest.heard[0].error is None
    assert where == [threading.main_thread()]


def test_only_the_latest_of_what_waits_is_answered(latest, oracle, qtbot):
    latest.ask(1)
    assert oracle.begun.wait(5)
    for number in range(2, 50):
        latest.ask(number)
    assert not latest.idle
    oracle.gate.set()
    qtbot.waitUntil(lambda: len(latest.heard) == 2)
    qtbot.wait(50)
    assert oracle.asked == [1, 49]
    assert [attempt.value for attempt in latest.heard] == [2, 98]
    assert latest.idle


def test_an_error_arrives_and_the_next_question_is_answered(qtbot):
    latest, heard = Latest(lambda number: 1 / number), []
    latest.answered.connect(heard.append)
    latest.ask(0)
    qtbot.waitUntil(lambda: len(heard) == 1)
    latest.ask(4)
    qtbot.waitUntil(lambda: len(heard) == 2)
    latest.close()
    assert isinstance(heard[0].error, ZeroDivisionError)
    assert heard[1].value == 0.25


def test_what_is_under_way_at_the_end_falls_silent(oracle, qtbot):
    latest, heard = Latest(oracle.answer), []
    latest.answered.connect(heard.append)
    latest.ask(1)
    assert oracle.begun.wait(5)
    latest.ask(2)
    threading.Timer(0.1, oracle.gate.set).start()
    latest.close()
    assert not running()
    qtbot.wait(50)
    assert oracle.asked == [1]
    assert heard == []


def test_what_was_said_but_not_yet_heard_falls_silent(oracle, qtbot):
    latest, heard = Latest(oracle.answer), []
    latest.answered.connect(heard.append)
    oracle.gate.set()
    latest.ask(1)
    assert oracle.begun.wait(5)
    while not latest.idle:  # the main thread comes to no event here
        pass
    latest.close()
    qtbot.wait(50)
    assert heard == []


def test_closing_twice_is_harmless(qtbot):
    latest = Latest(lambda number: number)
    latest.close()
    latest.close()
    assert not running()
