"""What happens beside the window: helpers and errands, and what is left of them."""

import gc
import threading
import weakref

from qtpy.QtCore import QObject

from napari_smi_inr.plugin._qt.errand import Errand
from napari_smi_inr.plugin.helper import Helper


class Listener:
    def __init__(self):
        self.told = []

    def __call__(self, result):
        self.told.append(result)


def test_a_helper_tells_once_and_holds_nothing_afterwards():
    def act():
        return 3

    listener = Listener()
    helper = Helper(act, listener)
    assert helper.awaited
    result = helper.run()
    helper.deliver(result)
    helper.deliver(result)
    assert listener.told == [result]
    assert (result.value, result.error) == (3, None)
    assert not helper.awaited
    gone = weakref.ref(listener), weakref.ref(act)
    del listener, act, result
    gc.collect()
    assert [each() for each in gone] == [None, None]


def test_a_helper_tells_of_an_error_instead_of_raising_it():
    def act():
        raise RuntimeError("out of memory")

    result = Helper(act, Listener()).run()
    assert str(result.error) == "out of memory"


def test_an_errand_is_answered_on_the_thread_of_its_owner(qtbot):
    owner, threads = QObject(), []
    errand = Errand(owner, threading.current_thread)
    errand.answered.connect(lambda asked: threads.extend([asked, threading.current_thread()]))
    errand.go()
    qtbot.waitUntil(lambda: bool(threads), timeout=5_000)
    asked, told = threads
    assert asked is not told
    assert told is threading.main_thread()


def test_an_errand_whose_owner_has_gone_falls_silent(qtbot):
    owner, go_on, answers = QObject(), threading.Event(), []
    errand = Errand(owner, go_on.wait)
    errand.answered.connect(answers.append)
    errand.go()
    with qtbot.waitSignal(owner.destroyed):
        owner.deleteLater()
    go_on.set()
    qtbot.wait(200)
    assert answers == []
