"""Fits in a folder: each is there whole or not at all, wherever a run is killed."""

from pathlib import Path

import numpy as np
import pytest

import napari_smi_inr as smi
from napari_smi_inr.experiments import store as store_module
from napari_smi_inr.experiments.store import FitStore

CONFIG = smi.FitConfig(lmax=2, epochs=1, width=16, features=8, detail=9.0, device="cpu")


class Killed(BaseException):
    """The end of the process, in its place."""


@pytest.fixture(scope="module")
def fitted(tiny_dataset):
    return smi.fit(tiny_dataset, **CONFIG.model_dump(exclude={"method", "preset"}))


def writing(monkeypatch):
    write = store_module.write_results
    monkeypatch.setattr(store_module, "write_results", lambda *given: (write(*given), die()))


def moving(monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: die())


def die():
    raise Killed


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("moment", [writing, moving], ids=lambda moment: moment.__name__)
def test_killed_while_a_fit_is_kept_it_is_fitted_again(tiny_dataset, fitted, tmp_path, monkeypatch, moment, before):
    store = FitStore(tmp_path / "fits")
    if before:
        store.keep("inr", tiny_dataset, CONFIG.model_copy(update={"seed": 9}), fitted, 1.0)
    with monkeypatch.context() as patch:
        moment(patch)
        with pytest.raises(Killed):
            store.keep("inr", tiny_dataset, CONFIG, fitted, 1.0)
    assert FitStore(tmp_path / "fits").recall("inr", tiny_dataset, CONFIG) is None
    store.keep("inr", tiny_dataset, CONFIG, fitted, 2.0)
    found = store.recall("inr", tiny_dataset, CONFIG)
    assert found.seconds == 2.0
    np.testing.assert_array_equal(found.estimate.fod_map(), fitted.fod_map())
    assert [path.name for path in store.folder.iterdir()] == ["inr"]
