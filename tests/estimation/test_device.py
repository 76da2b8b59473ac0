import pytest
import torch

from napari_smi_inr.errors import InputError
from napari_smi_inr.estimation import device
from napari_smi_inr.estimation.device import double_precision_device, one_thread, resolve_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend to have certain accelerators."""

    def pretend(*, cuda, mps):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_there_is(machine, cuda, mps, expected):
    machine(cuda=cuda, mps=mps)
    assert resolve_device("auto").type == expected


def test_auto_can_be_used():
    assert torch.ones(2, device=resolve_device("auto")).sum().item() == 2


def test_cpu_is_always_there():
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:99", "hpu", "privateuseone", "meta", "gpu", "CPU ", "", "cuda:x"])
def test_a_device_that_cannot_compute_here_is_refused(name):
    with pytest.raises(InputError) as caught:
        resolve_device(name)
    assert caught.value.where == "device"
    assert repr(name) in caught.value.fault
    assert "\n" not in str(caught.value)
    assert "'cpu'" in caught.value.remedy


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "cpu"), (False, False, "cpu")]
)
def test_auto_passes_over_what_lacks_double_precision(machine, cuda, mps, expected):
    machine(cuda=cuda, mps=mps)
    assert double_precision_device("auto").type == expected


def test_a_device_without_double_precision_is_refused(monkeypatch):
    monkeypatch.setattr(device, "resolve_device", torch.device)
    with pytest.raises(InputError, match="double precision"):
        double_precision_device("mps")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_threads_are_as_before_after_working_on_one():
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert torch.get_num_threads() == 2
