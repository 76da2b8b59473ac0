"""Work on all cores: every part once, each on one thread, and the number of threads as it was."""

import threading
import time

import pytest
import torch

from napari_smi_inr.estimation import side_by_side as module
from napari_smi_inr.estimation.side_by_side import side_by_side


@pytest.fixture
def two_threads(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(module, "_CORES", 2)
    module._workers.cache_clear()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
    module._workers().shutdown()
    module._workers.cache_clear()


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_every_part_is_done_once_on_one_thread_of_torch(two_threads, n):
    done, threads = [], []
    side_by_side(lambda part: (done.append(part), threads.append(torch.get_num_threads())), range(n))
    assert sorted(done) == list(range(n))
    assert set(threads) <= {1}
    assert torch.get_num_threads() == 2
    begun = []
    thread = threading.Thread(target=lambda: begun.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert begun == [2]  # nor has what threads to come begin with changed


def test_parts_are_done_at_once(two_threads):
    meet = threading.Barrier(2)
    side_by_side(lambda _: meet.wait(timeout=10), range(2))  # one after the other would never meet


def test_where_torch_may_use_one_thread_no_other_works(two_threads):
    torch.set_num_threads(1)
    workers = []
    side_by_side(lambda _: workers.append(threading.current_thread()), range(4))
    assert set(workers) == {threading.current_thread()}


def test_what_goes_wrong_reaches_the_caller(two_threads):
    def fail(part):
        if part == 3:
            raise MemoryError("three")
        time.sleep(0.001)

    with pytest.raises(MemoryError, match="three"):
        side_by_side(fail, range(6))
    assert torch.get_num_threads() == 2
