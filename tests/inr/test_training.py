"""The fit as a whole: it finds what was put in, wherever the scan lies, and its driver is in charge."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import napari_smi_inr as smi
from napari_smi_inr.errors import InputError
from napari_smi_inr.inr import training
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.training import fit_steps
from napari_smi_inr.signal_model.noise import add_noise
from napari_smi_inr.signal_model.spherical_harmonics import half_sphere, real_sh, rotational_invariants
from napari_smi_inr.signal_model.standard_model import predict_signal
from napari_smi_inr.simulation.protocol import paper_protocol

SHAPE = (9, 8, 4)
TOLERANCE = {"Di": 0.06, "De": 0.16, "Dp": 0.06, "f": 0.015, "S0": 1.0, "p2": 0.01}
"""Root mean square error allowed at SNR 100; about twice to three times what fits reach."""

TURN = Rotation.from_euler("xyz", [20, -30, 40], degrees=True)


def affine(matrix, offset=(0.0, 0.0, 0.0)):
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = matrix, offset
    return result


AFFINES = {
    "isotropic": affine(np.diag([3.0, 3.0, 3.0])),
    "anisotropic": affine(np.diag([2.0, 3.0, 6.0])),
    "oblique, radiological, far away": affine(TURN.as_matrix() @ np.diag([-3.0, 3.0, 3.0]), (300, -200, 900)),
}


def centres(matrix):
    return np.indices(SHAPE).reshape(3, -1).T @ matrix[:3, :3].T + matrix[:3, 3]


def tissue(points):
    """Tissue that changes smoothly over a few voxels; everything the model has."""
    x, y, z = ((points - points.mean(0)) / 15).T
    values = {
        "Di": 2.2 + 0.4 * np.sin(2 * x),
        "De": 1.9 + 0.3 * y,
        "Dp": 0.6 + 0.2 * x * z,
        "f": 0.55 + 0.2 * np.cos(2 * y + z),
        "S0": 100 * (1 + 0.2 * z + 0.1 * x * y),
    }
    angle = 1.2 * x + 0.5
    axes = np.stack([np.cos(angle), np.sin(angle), 0.3 * y], axis=1)
    fod = real_sh(axes, 2) * ([1] + 5 * [0.35])
    return values | {"fod": fod, "p2": rotational_invariants(fod)[:, 1]}


def scan(matrix, snr=100.0, kind="gaussian", seed=0):
    truth, protocol = tissue(centres(matrix)), paper_protocol()
    clean = predict_signal(truth, truth["fod"], protocol)
    noisy = add_noise(clean, 100 / snr, kind, np.random.default_rng(seed))
    signal = noisy.reshape(*SHAPE, -1).astype(np.float32)
    dataset = smi.DiffusionDataset(signal, protocol, np.ones(SHAPE, bool), matrix, noise=100 / snr)
    return dataset, truth, clean


def long_fit(dataset, **settings):
    return smi.fit(dataset, **{"lmax": 2, "epochs": 120, "batch_size": 48, "detail": 15.0, "device": "cpu", **settings})


def quick(**settings):
    return FitConfig(**{"lmax": 2, "epochs": 6, "batch_size": 40, "detail": 12.0, "device": "cpu", **settings})


def replaced(dataset, **changes):
    names = [f.name for f in dataclasses.fields(smi.DiffusionDataset)]
    return smi.DiffusionDataset(**{name: getattr(dataset, name) for name in names} | changes)


def points_of(field):
    return np.argwhere(field.mask) @ field.affine[:3, :3].T + field.affine[:3, 3]


def last(steps):
    return list(steps)[-1]


@pytest.fixture
def every_batch(monkeypatch):
    """Yield after each batch, however fast."""
    monkeypatch.setattr(training, "STEP_SECONDS", 0.0)


class TestRecovery:
    @pytest.mark.parametrize("where", AFFINES)
    def test_a_fit_finds_what_was_put_in(self, where):
        dataset, truth, clean = scan(AFFINES[where])
        field = long_fit(dataset)
        found = field.evaluate(centres(AFFINES[where]))
        rmse = {key: np.sqrt(np.mean((found[key] - truth[key]) ** 2)) for key in TOLERANCE}
        assert {key: error for key, error in rmse.items() if error > TOLERANCE[key]} == {}
        assert np.abs(found["fod"] - truth["fod"]).max() < 0.03
        # far closer to the noise-free signal than the measurements are (1 unit of noise)
        assert np.sqrt(np.mean((field.predict(centres(AFFINES[where])) - clean) ** 2)) < 0.3
        assert field.quality["held_out_rmse"] == pytest.approx(1.0, rel=0.1)

    def test_the_same_head_turned_in_the_scanner_gives_the_same_maps(self):
        dataset, *_ = scan(AFFINES["isotropic"])
        turn = affine(TURN.as_matrix(), (50, 20, -10))
        protocol = dataset.acquisition
        turned = replaced(
            dataset,
            affine=turn @ dataset.affine,
            acquisition=smi.Acquisition(protocol.b, protocol.b_delta, TURN.apply(protocol.directions)),
        )
        one, other = long_fit(dataset), long_fit(turned)
        for key, values in one.maps().items():
            assert np.sqrt(np.mean((other.maps()[key] - values) ** 2)) < TOLERANCE[key], key
        around = half_sphere(60)
        lobes = one.fod_map() @ real_sh(around, 2).T
        same_lobes = other.fod_map() @ real_sh(TURN.apply(around), 2).T
        assert np.abs(same_lobes - lobes).max() < 0.03
        assert np.abs(other.fod_map() @ real_sh(around, 2).T - lobes).max() > 0.1

    def test_the_rician_loss_sees_through_the_noise_floor(self):
        dataset, _, clean = scan(AFFINES["isotropic"], snr=8, kind="rician")
        strong = dataset.acquisition.b > 7
        bias = {}
        for loss in ("mse", "rician"):
            predicted = long_fit(dataset, loss=loss, epochs=60).predict(centres(dataset.affine))
            bias[loss] = (predicted - clean)[:, strong].mean()
        assert bias["mse"] > 2.0  # the floor of sigma 12.5 taken for signal
        assert abs(bias["rician"]) < 0.3 * bias["mse"]

    @pytest.mark.parametrize("held_out", [0.0, 0.1])
    @pytest.mark.parametrize("detail", ["auto", "field-of-view", 7.0])
    def test_every_way_to_set_the_detail_gives_a_length(self, tiny_dataset, detail, held_out):
        field = last(fit_steps(tiny_dataset, quick(detail=detail, held_out=held_out, epochs=2))).field()
        assert 0 < field.detail < 60
        assert detail != 7.0 or field.detail == 7.0

    def test_the_default_detail_follows_the_voxels(self, tiny_dataset):
        zoomed = replaced(tiny_dataset, affine=np.diag([2.0, 2.0, 2.0, 1.0]) @ tiny_dataset.affine)
        one, double = (
            last(fit_steps(d, quick(detail="auto", held_out=0.0, epochs=1))).detail for d in (tiny_dataset, zoomed)
        )
        assert double == pytest.approx(2 * one)


class TestUnits:
    @pytest.mark.parametrize("factor", [2.0**-10, 2.0**20])
    @pytest.mark.parametrize("loss", ["mse", "rician"])
    def test_the_scans_units_reach_s0_alone(self, tiny_dataset, factor, loss):
        # Powers of two scale floats exactly, so the maps must be the same to the last bit.
        scaled = replaced(
            tiny_dataset, signal=tiny_dataset.signal * np.float32(factor), noise=tiny_dataset.noise * np.float32(factor)
        )
        one, other = (last(fit_steps(d, quick(loss=loss))).field() for d in (tiny_dataset, scaled))
        for key, values in one.maps().items():
            np.testing.assert_array_equal(other.maps()[key], values * np.float32(factor if key == "S0" else 1))
        assert other.quality["held_out_rmse"] == pytest.approx(factor * one.quality["held_out_rmse"])

    @pytest.mark.parametrize("factor", [1e-3, 1e6])
    def test_any_other_factor_changes_no_more_than_rounding(self, tiny_dataset, factor):
        scaled = replaced(tiny_dataset, signal=tiny_dataset.signal * np.float32(factor), noise=None)
        one, other = (last(fit_steps(d, quick())).field() for d in (tiny_dataset, scaled))
        for key, values in one.maps().items():
            np.testing.assert_allclose(other.maps()[key] / (factor if key == "S0" else 1), values, rtol=0.02, atol=2e-3)


class TestHeldOut:
    def test_what_is_held_out_cannot_change_the_weights(self, tiny_dataset):
        config = quick(epochs=1, held_out=0.1)  # one epoch: nothing to choose by held-out error
        plain = last(fit_steps(tiny_dataset, config)).field()
        held = plain.quality["held_out_volumes"]
        signal = tiny_dataset.signal.copy()
        signal[..., held] = 7.0
        other = last(fit_steps(replaced(tiny_dataset, signal=signal), config)).field()
        assert other.quality["held_out_volumes"] == held
        assert len(held) >= 10
        np.testing.assert_array_equal(other.sample(points_of(other)), plain.sample(points_of(plain)))
        assert other.quality["held_out_rmse"] != plain.quality["held_out_rmse"]

    def test_the_reported_error_is_what_the_field_predicts(self, tiny_dataset):
        field = last(fit_steps(tiny_dataset, quick(held_out=0.1))).field()
        held = field.quality["held_out_volumes"]
        residual = field.predict(points_of(field))[:, held] - tiny_dataset.signal[tiny_dataset.mask][:, held]
        assert field.quality["held_out_rmse"] == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-4)

    def test_a_fit_that_memorises_noise_ends_early_with_the_best_it_had(self, every_batch):
        # Finer than the voxels, far more weights than measurements, nothing to keep the FOD in check.
        noisy = smi.simulate(shape=(10, 10, 3), voxel_size=3.0, snr=8, lmax=2)
        free = {"detail": 1.0, "width": 256, "nonnegativity": 0.0, "lmax": 6, "schedule": "decay"}
        steps = list(fit_steps(noisy, quick(epochs=150, held_out=0.2, learning_rate=0.005, **free)))
        errors = [s.losses.held_out for s in steps if math.isfinite(s.losses.held_out)]
        assert errors[-1] > 1.02 * min(errors)
        assert steps[-1].epoch < 150
        assert steps[-1].fraction == 1.0
        field = steps[-1].field()
        assert field.quality["held_out_rmse"] == pytest.approx(min(errors) * field.scale)

    def test_nothing_held_out_is_said_to_be_unknown(self, tiny_dataset):
        step = last(fit_steps(tiny_dataset, quick(held_out=0.0)))
        assert math.isnan(step.losses.held_out)
        assert math.isnan(step.field().quality["held_out_rmse"])
        assert step.field().quality["held_out_volumes"] == []


class TestSteps:
    @pytest.mark.parametrize("detail", [12.0, "auto"])
    def test_progress_only_goes_forward_and_ends_at_the_end(self, tiny_dataset, every_batch, detail):
        steps = list(fit_steps(tiny_dataset, quick(detail=detail, epochs=5)))
        for before, after in itertools.pairwise(steps):
            assert after.iteration == before.iteration + 1
            assert after.fraction > before.fraction
            assert after.elapsed >= before.elapsed
        assert steps[-1].iteration == steps[-1].n_iterations
        assert steps[-1].fraction == 1.0
        assert steps[-1].remaining == 0.0
        assert steps[-1].epoch == 5
        assert all(0 < s.fraction <= 1 and s.remaining >= 0 for s in steps)

    def test_losses_are_known_from_the_first_epoch_on(self, tiny_dataset, every_batch):
        steps = list(fit_steps(tiny_dataset, quick()))
        after = [s.losses for s in steps if s.epoch >= 1]
        assert all(
            math.isfinite(x) and x >= 0 for loss in after for x in (loss.data, loss.nonnegativity, loss.held_out)
        )
        assert after[-1].data < after[0].data

    def test_leaving_the_loop_is_stopping(self, tiny_dataset, every_batch):
        field = next(fit_steps(tiny_dataset, quick(epochs=1000))).field()
        assert field.maps()["f"].shape == tiny_dataset.shape
        assert np.isfinite(field.sample(points_of(field))).all()

    def test_a_field_does_not_change_while_the_fit_goes_on(self, tiny_dataset, every_batch):
        steps = fit_steps(tiny_dataset, quick())
        early = next(steps).field()
        before = early.sample(points_of(early))
        late = last(steps).field()
        np.testing.assert_array_equal(early.sample(points_of(early)), before)
        assert (late.sample(points_of(late)) != before).any()

    def test_looking_does_not_disturb(self, tiny_dataset, every_batch):
        watched = None
        for step in fit_steps(tiny_dataset, quick()):
            watched = step.field()
            watched.maps()
        alone = last(fit_steps(tiny_dataset, quick())).field()
        np.testing.assert_array_equal(watched.sample(points_of(alone)), alone.sample(points_of(alone)))

    @pytest.mark.parametrize("detail", [12.0, "auto"])
    def test_seeds_reproduce_bit_for_bit(self, tiny_dataset, detail):
        a, b, other = (last(fit_steps(tiny_dataset, quick(seed=s, detail=detail))).field() for s in (7, 7, 8))
        np.testing.assert_array_equal(a.fod_map(), b.fod_map())
        np.testing.assert_array_equal(a.sample(points_of(a)), b.sample(points_of(a)))
        assert (a.sample(points_of(a)) != other.sample(points_of(a))).all(axis=1).any()

    def test_faults_show_before_any_work(self, tiny_dataset):
        with pytest.raises(InputError, match="noise level"):
            next(fit_steps(replaced(tiny_dataset, noise=None), quick(loss="rician")))
        with pytest.raises(InputError, match="gpu"):
            next(fit_steps(tiny_dataset, quick(device="gpu")))

    def test_the_record_says_what_was_done_with_what(self, tiny_dataset):
        source = replaced(tiny_dataset, checksums={"dwi.nii.gz": "ab12"}, notes=("b in s/mm².",))
        config = quick(seed=5)
        field = last(fit_steps(source, config)).field()
        for name in ("preset", "lmax", "loss", "seed", "detail", "epochs", "held_out", "learning_rate"):
            assert getattr(field.config, name) == getattr(config, name)
        assert field.record["inputs"] == {"dwi.nii.gz": "ab12"}
        assert field.record["notes"] == ["b in s/mm²."]
        assert field.record["device"] == "cpu"
        assert set(field.record["versions"]) >= {"python", "torch", "numpy", "napari-smi-inr"}
        assert field.training["epochs"] == config.epochs

    def test_what_is_recorded_is_enough_to_do_it_again(self, tiny_dataset):
        field = last(fit_steps(tiny_dataset, quick(seed=5, loss="rician"))).field()
        again = last(fit_steps(tiny_dataset, field.config)).field()
        assert again.config == field.config
        np.testing.assert_array_equal(again.fod_map(), field.fod_map())
