"""The campaign itself: sound readers come through, and each way to fail is told by its name."""

import os
import signal
import sys
import time
from dataclasses import replace

import pytest

from fuzz import campaign
from fuzz.kinds import KINDS
from napari_smi_inr.errors import InputError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


@pytest.mark.parametrize("index", range(len(KINDS)), ids=lambda index: KINDS[index].name)
def test_damaged_files_are_refused_or_read_right(index):
    result = campaign.Result()
    campaign.run(index, range(500), 1, result)
    assert result.findings == []
    assert result.counts[KINDS[index].name].total() == 500
    assert result.counts[KINDS[index].name]["refused"] > 200


def raising(error):
    def fail():
        raise error

    return fail


def hidden_memory_error():
    try:
        raise MemoryError
    except MemoryError:
        raise InputError("kept", "is damaged.", "Copy it again.") from None


def die():
    os.kill(os.getpid(), signal.SIGKILL)


FAILURES = {
    "crashed": [
        die,
        raising(RuntimeError("no")),
        raising(InputError("elsewhere", "a.", "b.")),
    ],
    "hung": [lambda: time.sleep(60)],
    "memory": [lambda: bytearray(1 << 30), raising(MemoryError()), hidden_memory_error],
    "plausible": [lambda: None],
    "refused": [raising(InputError("kept", "is damaged.", "Copy it again."))],
}


@pytest.mark.parametrize(("outcome", "act"), [(name, act) for name, acts in FAILURES.items() for act in acts])
def test_each_way_to_fail_is_told_by_its_name(monkeypatch, outcome, act):
    field = next(kind for kind in KINDS if kind.name == "field")
    calls = []

    def read(folder):
        calls.append(folder)
        if len(calls) > 1:  # the first is that of the sound file
            act()
        return {"values": len(calls)}

    monkeypatch.setattr(campaign, "KINDS", (replace(field, read=read),))
    monkeypatch.setattr(campaign, "SECONDS", 1.0)
    result = campaign.Result()
    campaign.run(0, range(2), 0, result)
    assert dict(result.counts["field"]) == {outcome: 2}
    assert len(result.findings) == (0 if outcome == "refused" else 2)
