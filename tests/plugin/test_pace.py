import pytest

from napari_smi_inr.plugin.pace import Pace

SHARE = 0.15


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_it_is_due_at_first():
    assert Pace(SHARE, clock=Clock()).due


@pytest.mark.parametrize("cost", [0.02, 0.1, 1.5])
def test_drawing_takes_its_share_and_no_more(cost):
    clock, drawing = Clock(), 0.0
    pace = Pace(SHARE, clock=clock)
    while clock.now < 160:
        if pace.due:
            clock.now += cost
            drawing += cost
            pace.spent(cost)
        clock.now += 0.001
    assert drawing / (clock.now - 100) == pytest.approx(SHARE, rel=0.2)


def test_however_cheap_it_keeps_its_distance():
    clock = Clock()
    pace = Pace(SHARE, least=0.8, clock=clock)
    pace.spent(0.001)
    clock.now += 0.79
    assert not pace.due
    clock.now += 0.02
    assert pace.due
