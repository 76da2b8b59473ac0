"""One fit on every device there is: the same field within the noise of rounding, and files that open on any other."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import napari_smi_inr as smi
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.training import fit_steps

TOLERANCE = {"Di": 0.02, "De": 0.05, "Dp": 0.02, "f": 0.005, "S0": 0.5, "p2": 0.01}
"""Root mean square difference allowed between two devices: about a tenth of the error a fit of this scan has. Sums are
taken in other orders, and training makes more of that with every step."""


STAND_IN = "stand-in"
"""For a device where there is none: the processor under another name, with sums in double precision. What is tested on
a device is then tested at least on something that rounds otherwise."""


class OtherSums(TorchDispatchMode):
    """Products of matrices are added up in double precision, and rounded at the end."""

    def __torch_dispatch__(self, function, types, given=(), named=None):
        if function.overloadpacket not in PRODUCTS:
            return function(*given, **(named or {}))
        doubled = [part.double() if isinstance(part, torch.Tensor) else part for part in given]
        return function(*doubled, **(named or {})).to(given[0].dtype)


PRODUCTS = {torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.bmm, torch.ops.aten.baddbmm, torch.ops.aten.mv}


@contextmanager
def at(device):
    """The name of a device to fit on."""
    if device != STAND_IN:
        yield device
    else:
        with OtherSums():
            yield "cpu:0"


def missing(device):
    """Why a device cannot be tested here; nothing if it can."""
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}[device]()
    return "" if there else f"no {device} device here"


ON_EACH = pytest.mark.parametrize(
    "device",
    [
        STAND_IN,
        *(
            pytest.param(device, marks=pytest.mark.skipif(bool(missing(device)), reason=missing(device) or "-"))
            for device in ("cuda", "mps")
        ),
    ],
)


def config(device):
    return FitConfig(lmax=2, epochs=24, batch_size=64, width=64, features=32, detail=9.0, device=device)


def points_of(field):
    return np.argwhere(field.mask) @ field.affine[:3, :3].T + field.affine[:3, 3]


def fitted(dataset, device, keep=None):
    with at(device) as name:
        field = list(fit_steps(dataset, config(name), keep))[-1].field()
        assert field.device.type == torch.device(name).type
    return field


def difference(one, other, symbol):
    """Root mean square over the mask."""
    return np.sqrt(np.mean(np.square((one.maps()[symbol] - other.maps()[symbol])[one.mask])))


@ON_EACH
def test_another_device_finds_the_same(tiny_dataset, device):
    here, there = fitted(tiny_dataset, "cpu"), fitted(tiny_dataset, device)
    differences = {symbol: difference(here, there, symbol) for symbol in TOLERANCE}
    assert all(differences[symbol] < most for symbol, most in TOLERANCE.items()), differences
    assert max(differences.values()) > 0  # or it was not another one


@ON_EACH
def test_one_network_says_the_same_on_another_device(tiny_field, device, tmp_path):
    tiny_field.save(tmp_path / "cpu.smi.safetensors")
    points = points_of(tiny_field)
    with at(device) as name:
        there = smi.open_field(tmp_path / "cpu.smi.safetensors", device=name)
        assert there.device.type == torch.device(name).type
        np.testing.assert_allclose(there.sample(points), tiny_field.sample(points), rtol=1e-3, atol=1e-4)
        there.save(tmp_path / "there.smi.safetensors")
    back = smi.open_field(tmp_path / "there.smi.safetensors")
    np.testing.assert_array_equal(back.sample(points), tiny_field.sample(points))


@ON_EACH
def test_a_fit_cut_short_on_one_goes_on_on_the_other(tiny_dataset, device, tmp_path):
    keep = Keep(tmp_path / "fit.checkpoint.safetensors")
    with at(device) as name:
        steps = fit_steps(tiny_dataset, config(name), keep)
        next(steps)
        steps.close()
    resumed = fitted(tiny_dataset, "cpu", Keep(keep.path, resume=True))
    whole = fitted(tiny_dataset, "cpu")
    assert 0 < difference(resumed, whole, "f") < TOLERANCE["f"]


@pytest.mark.skipif(bool(missing("cuda")), reason=missing("cuda") or "-")
def test_a_graphics_card_without_memory_leaves_the_fit_to_the_processor(tiny_dataset):
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        step = list(fit_steps(tiny_dataset, config("cuda")))[-1]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "the processor does the work" in step.text
    assert step.field().device.type == "cpu"


def test_where_numbers_are_computed_leaves_no_trace_in_the_file(tiny_field, tmp_path):
    """Tensors are written as numbers alone, so that no device is asked for on opening."""
    tiny_field.save(tmp_path / "field.smi.safetensors")
    again = smi.open_field(tmp_path / "field.smi.safetensors", device="cpu")
    assert {p.device.type for p in again.model.parameters()} == {"cpu"}
    np.testing.assert_array_equal(again.sample(points_of(again)), tiny_field.sample(points_of(again)))
