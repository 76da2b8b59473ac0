import pytest

from napari_smi_inr.plugin.pace import SHARE, Pace


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_it_is_due_at_first():
    assert Pace(Clock()).due


@pytest.mark.parametrize("cost", [0.02, 0.1, 1.5])
def test_drawing_takes_its_share_and_no_more(cost):
    clock, drawing = Clock(), 0.0
    pace = Pace(clock)
    while clock.now < 160:
        if pace.due:
            clock.now += cost
            drawing += cost
            pace.spent(cost)
        clock.now += 0.001
    assert drawing / (clock.now - 100) == pytest.approx(SHARE, rel=0.2)
