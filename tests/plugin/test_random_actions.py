"""A user who does one thing after another without waiting: nothing may break, stay behind or pile up."""

from __future__ import annotations

import pytest

from random_user import GROWTH, MEGABYTES, RandomUser, keep_no_freed_memory, own_objects, own_threads, settled_memory


@pytest.fixture
def random_user(window, two_fits):
    users = []

    def start(seed):
        users.append(RandomUser(*window(size=(1000, 600)), two_fits, seed))
        return users.pop()

    return start


def test_sixty_things_done_in_haste_leave_no_trace(random_user):
    user = random_user(seed=1)
    user.play(60)
    user.stop()
    assert own_threads() == []
    assert not [key for key in user.viewer.canvas.overlays if key.startswith("anatomy")]


@pytest.mark.slow
def test_a_thousand_things_done_in_haste_leave_no_trace(random_user, qapp):
    keep_no_freed_memory()
    user = random_user(seed=2)
    user.play(500)
    user.tidy()
    assert own_threads() == []
    # napari 0.9.2 keeps the cells of its grid, about 1 MB, whenever layers come, go, hide or appear in it
    user.grid = False
    before, own = settled_memory(qapp), own_objects()
    user.play(500)
    user.stop()
    after, more = settled_memory(qapp), own_objects() - own
    print(f"{len(user.done)} actions; memory {before / MEGABYTES:.0f} -> {after / MEGABYTES:.0f} MB")
    assert own_threads() == []
    assert more.total() < 10, more
    assert after - before < GROWTH
