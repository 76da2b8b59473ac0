"""A reader and a writer that know nothing of each other."""

from pathlib import Path

import pytest
import torch

from napari_smi_inr.inr import tensor_file
from napari_smi_inr.inr.tensor_file import read_tensors, write_tensors

KNOWN = {"format": "numbers", "version": 1}


def write(path: Path, number: int):
    """A file with one number in its header and all its tensors."""
    tensors = {name: torch.full((3,), float(number)) for name in "abc"}
    write_tensors(path, tensors, {**KNOWN, "number": number})


def numbers_in(path: Path) -> set[float]:
    def build(header, tensors):
        return {float(header["number"])}.union(*(tensor.tolist() for tensor in tensors.values()))

    return read_tensors(path, "numbers", KNOWN, build, "Write it again.")


@pytest.mark.parametrize("step", [(torch.UntypedStorage, "from_file"), (tensor_file, "load")], ids=["opened", "read"])
def test_what_is_read_is_one_file_whatever_comes_in_its_place_meanwhile(tmp_path, monkeypatch, step):
    path, (owner, name) = tmp_path / "numbers.safetensors", step
    write(path, 1)
    go_on = getattr(owner, name)

    def after_another_came(*args, **options):
        write(path, 2)
        return go_on(*args, **options)

    monkeypatch.setattr(owner, name, after_another_came)
    assert numbers_in(path) == {1.0}
    monkeypatch.undo()
    write(path, 3)
    assert numbers_in(path) == {3.0}
