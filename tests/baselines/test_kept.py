"""SMI and the supervised network, cut short anywhere, go on and end as if nothing had happened."""

import json
import math
from functools import cache
from itertools import islice

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from napari_smi_inr.baselines import voxel_run
from napari_smi_inr.baselines.network import fit as network_fit
from napari_smi_inr.baselines.network import learning as network_learning
from napari_smi_inr.baselines.network.training import Training
from napari_smi_inr.baselines.smi import polynomials, regression
from napari_smi_inr.baselines.voxel_run import VoxelRun
from napari_smi_inr.errors import InputError
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr import checkpoint
from napari_smi_inr.inr.checkpoint import peek
from napari_smi_inr.inr.tensor_file import write_tensors
from napari_smi_inr.methods import fit_steps, make_settings

SETTINGS = {
    "smi": {"n_training": 1500, "noise_levels": 20, "lmax": 2, "device": "cpu"},
    "nn": {"vectors": 400, "epochs": 6, "batch_size": 60, "cache": "off", "device": "cpu"},
}
KEY = "napari_smi_inr"


@pytest.fixture(params=SETTINGS)
def config(request):
    return make_settings(request.param, **SETTINGS[request.param])


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Steps of one batch, always as many voxels, and a checkpoint whenever one is asked for."""
    monkeypatch.setattr(network_learning, "STEP_SECONDS", 0.0)
    monkeypatch.setattr(polynomials, "_MOST_ROWS", 600)
    monkeypatch.setattr(regression, "_TILE", 200)
    monkeypatch.setattr(voxel_run, "LARGEST_BATCH", 40)
    monkeypatch.setattr(voxel_run, "STEP_SECONDS", math.inf)
    monkeypatch.setattr(checkpoint, "SHARE", math.inf)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dwi.checkpoint.safetensors"


@pytest.fixture(scope="module")
def whole(tiny_dataset):
    """The steps of a fit that nothing befell: their phases, and the last one."""

    @cache
    def of(config):
        steps = list(fit_steps(tiny_dataset, make_settings(config, **SETTINGS[config])))
        return [step.phase for step in steps], steps[-1]

    return of


def told(fit):
    """All that is told of a fit but the time it took."""
    training = json.loads(json.dumps(fit.training))
    training.get("network", {}).pop("seconds", None)
    return training


def assert_same(step, other):
    assert step.fraction == 1.0
    one, other = step.field(), other.field()
    np.testing.assert_array_equal(one.scalars, other.scalars)
    np.testing.assert_array_equal(one.fod, other.fod)
    assert told(one) == told(other)


def cut_short(dataset, config, path, n):
    """Leave a fit after so many steps, or at its last one: how many there are depends on the clock a little."""
    steps = fit_steps(dataset, config, Keep(path))
    for step in islice(steps, n):
        if step.fraction == 1.0:
            break
    steps.close()
    return step


def go_on(dataset, config, path):
    return list(fit_steps(dataset, config, Keep(path, resume=True)))


def turns(phases):
    """How many steps lead to the first, a middle and the last step of each phase."""
    names = dict.fromkeys(phases)
    spans = [(phases.index(name), len(phases) - phases[::-1].index(name)) for name in names]
    return sorted({n for first, end in spans for n in (first + 1, (first + 1 + end) // 2, end)})


def test_left_in_any_phase_it_ends_as_if_it_had_never_been_cut_short(tiny_dataset, config, path, whole):
    phases, end = whole(config.method)
    assert len(turns(phases)) > 4
    for n in turns(phases):
        before = cut_short(tiny_dataset, config, path, n)
        after = go_on(tiny_dataset, config, path)
        assert_same(after[-1], end)
        assert after[0].elapsed >= before.elapsed
        if before.phase != "training set":  # of which it keeps the seeds alone
            assert after[0].fraction >= before.fraction


def test_also_when_cut_short_again_and_again(tiny_dataset, config, path, whole):
    phases, end = whole(config.method)
    cut_short(tiny_dataset, config, path, len(phases) // 2)
    share = peek(path).fraction
    for n in (1, 2, 3):
        steps = fit_steps(tiny_dataset, config, Keep(path, resume=True))
        for _ in range(n):
            next(steps)
        steps.close()
        assert peek(path).fraction >= share
    assert_same(go_on(tiny_dataset, config, path)[-1], end)


FAULTS = {
    "smi while it sums": ("smi", regression.NormalEquations, "__init__"),
    "smi while it solves": ("smi", regression, "_substitute"),
    "smi in a voxel": ("smi", VoxelRun, "_take"),
    "nn while it is judged": ("nn", Training, "_check"),
    "nn while it is trained": ("nn", Training, "_rate"),
    "nn in a voxel": ("nn", VoxelRun, "_take"),
}


@pytest.mark.parametrize(("method", "where", "name"), FAULTS.values(), ids=FAULTS)
def test_killed_at_any_point_it_goes_on_from_what_was_written_before(
    tiny_dataset, path, whole, monkeypatch, method, where, name
):
    config, work, calls = make_settings(method, **SETTINGS[method]), getattr(where, name), []
    n_seeding = 1 if (method, name) == ("nn", "_take") else 0  # the seeds' own voxels, which all come at once

    def killed(*given):
        calls.append(name)
        if len(calls) == 2 + n_seeding:
            raise SystemExit
        return work(*given)

    with monkeypatch.context() as patch:
        patch.setattr(where, name, killed)
        with pytest.raises(SystemExit):
            list(fit_steps(tiny_dataset, config, Keep(path, interval=0.0)))
    assert 0 < peek(path).fraction < 1
    assert_same(go_on(tiny_dataset, config, path)[-1], whole(method)[1])


def middle_of(phases, name):
    return phases.index(name) + phases.count(name) // 2 + 1


def test_seeds_are_fitted_once(tiny_dataset, path, whole, monkeypatch):
    config, (phases, end) = make_settings("nn", **SETTINGS["nn"]), whole("nn")
    cut_short(tiny_dataset, config, path, middle_of(phases, "training"))
    monkeypatch.setattr(network_learning, "find_seeds", None)
    assert_same(go_on(tiny_dataset, config, path)[-1], end)


class TestKeptNetworks:
    """Networks that other fits may use are one thing, the fit under way another."""

    @pytest.fixture
    def config(self, tmp_path):
        return make_settings("nn", **{**SETTINGS["nn"], "cache": str(tmp_path / "networks")})

    def test_a_fit_goes_on_with_its_own_network(self, tiny_dataset, config, path, whole):
        phases, end = whole("nn")
        for phase in ("training", "fit"):
            cut_short(tiny_dataset, config, path, middle_of(phases, phase))
            other = list(fit_steps(tiny_dataset, config))[-1].field()  # keeps one, or finds it
            assert_same(go_on(tiny_dataset, config, path)[-1], end)
            for kept in (path.parent / "networks").iterdir():
                kept.unlink()
        assert other.training["network"]["story"] == network_fit._FROM_BEFORE

    def test_one_that_found_a_network_keeps_it(self, tiny_dataset, config, path):
        list(fit_steps(tiny_dataset, config))
        end = list(fit_steps(tiny_dataset, config))[-1]
        assert cut_short(tiny_dataset, config, path, 1).phase == "fit"
        for kept in (path.parent / "networks").iterdir():
            kept.unlink()
        assert_same(go_on(tiny_dataset, config, path)[-1], end)

    def test_what_was_to_be_noted_before_is_still_noted(self, tiny_dataset, config, path, whole):
        list(fit_steps(tiny_dataset, config))
        (kept,) = (path.parent / "networks").iterdir()
        kept.write_bytes(kept.read_bytes()[:-9])
        cut_short(tiny_dataset, config, path, middle_of(whole("nn")[0], "training"))
        assert "trained anew" in go_on(tiny_dataset, config, path)[-1].field().training["notes"][0]


def edit(path, change_header, tensors):
    """Change a checkpoint, and sign it as if nothing had been."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[KEY])
    change_header(header["numbers"])
    write_tensors(path, {**load_file(path), **tensors}, header)


def nothing(numbers):
    pass


SPOILT = {
    "equations of another size": ("smi", "training", nothing, {"learning.equations.gram": torch.zeros(3, 3)}),
    "equations beyond their end": ("smi", "training", lambda n: n["learning"]["equations"].update(done=10**6), {}),
    "a regression that is none": ("smi", "fit", nothing, {"learning.level 2.mean": torch.full((13,), torch.nan)}),
    "voxels of another scan": ("smi", "fit", nothing, {"voxels.done": torch.ones(3, dtype=torch.bool)}),
    "no voxels": ("smi", "fit", lambda n: n.pop("voxels"), {}),
    "seeds that are none": ("nn", "training", nothing, {"learning.seeds.parents": torch.zeros(3, 2)}),
    "weights of another size": ("nn", "training", nothing, {"learning.training.weight.0.weight": torch.zeros(2)}),
    "moments of another type": (
        "nn",
        "training",
        nothing,
        {"learning.training.exp_avg.0.bias": torch.zeros(150).double()},
    ),
    "a training of another length": ("nn", "training", lambda n: n["learning"]["training"].update(end=7), {}),
    "a training beyond its end": ("nn", "training", lambda n: n["learning"]["training"].update(done=10**6), {}),
    "no training": ("nn", "training", lambda n: n.pop("learning"), {}),
    "a generator of nothing": ("nn", "training", nothing, {"learning.training.shuffle": torch.zeros(5).byte()}),
    "no network": ("nn", "fit", nothing, {"network.weight.0.weight": torch.zeros(2)}),
}


@pytest.mark.parametrize(("method", "phase", "change", "tensors"), SPOILT.values(), ids=SPOILT)
def test_what_does_not_fit_is_refused(tiny_dataset, path, whole, method, phase, change, tensors):
    config = make_settings(method, **SETTINGS[method])
    cut_short(tiny_dataset, config, path, middle_of(whole(method)[0], phase))
    edit(path, change, tensors)
    with pytest.raises(InputError, match="damaged") as error:
        go_on(tiny_dataset, config, path)
    assert error.value.where == str(path)


def test_a_fit_of_another_method_is_not_gone_on_with(tiny_dataset, path):
    cut_short(tiny_dataset, make_settings("smi", **SETTINGS["smi"]), path, 2)
    with pytest.raises(InputError, match="other settings: method 'smi', now 'nn'"):
        go_on(tiny_dataset, make_settings("nn", **SETTINGS["nn"]), path)


def test_where_it_cannot_be_kept_the_fit_says_so_and_goes_on(tiny_dataset, config, tmp_path, whole):
    (tmp_path / "file").write_text("in the way")
    keep = Keep(tmp_path / "file" / "dwi.checkpoint.safetensors", interval=0.0)
    step = list(fit_steps(tiny_dataset, config, keep))[-1]
    assert "not kept" in step.notes[0]
    assert_same(step, whole(config.method)[1])
