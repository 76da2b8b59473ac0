"""What befalls a fit: a loss that is no number or runs away, and memory that runs out. It goes on, and says how."""

import math

import numpy as np
import pytest
import torch

from napari_smi_inr.errors import InputError
from napari_smi_inr.estimation.keep import Keep
from napari_smi_inr.inr import tensor_file, training
from napari_smi_inr.inr.config import FitConfig
from napari_smi_inr.inr.field import FittedField
from napari_smi_inr.inr.problem import Problem
from napari_smi_inr.inr.trainer import Trainer
from napari_smi_inr.inr.training import fit_steps

OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError("Unable to allocate 8.00 GiB for an array"),
]


def config(**settings):
    quick = {"lmax": 2, "epochs": 12, "batch_size": 40, "width": 32, "features": 16, "detail": 12.0, "device": "cpu"}
    return FitConfig(**{**quick, **settings})


def trainer(dataset, **settings):
    asked = config(**settings)
    return Trainer(Problem(dataset, asked, torch.device("cpu")), asked, asked.detail)


def run(t):
    while not t.finished:
        t.advance(0.0)
    return t


def weights(t):
    return torch.cat([p.detach().flatten() for p in t.best_model().parameters()])


def spoiling(t, when, spoil):
    """Spoil the data term of some batches, counted over the whole fit, repetitions included."""
    misfit, count = t.problem.misfit, [0]

    def spoilt(tissue, voxels):
        count[0] += 1
        found = misfit(tissue, voxels)
        return spoil(found) if when(count[0]) else found

    t.problem.misfit = spoilt
    return t


class TestALossThatIsLost:
    @pytest.mark.parametrize(
        ("held_out", "value", "batch"),
        [(0.0, math.nan, 1), (0.1, math.nan, 48), (0.1, math.inf, 20), (0.0, -math.inf, 48)],
    )
    def test_one_bad_batch_costs_an_epoch_and_half_the_step(self, tiny_dataset, held_out, value, batch):
        plain = run(trainer(tiny_dataset, held_out=held_out))
        t = run(spoiling(trainer(tiny_dataset, held_out=held_out), lambda n: n == batch, lambda x: x * value))
        assert t.setbacks.caution == 0.5
        (note,) = t.setbacks.notes
        back = (batch - 1) // 4
        assert f"In epoch {back + 1} the loss was no longer a number" in note
        assert (f"the end of epoch {back}" if back else "its beginning") in note
        assert "2 times smaller" in note
        assert torch.isfinite(weights(t)).all()
        assert t.losses.data < 1.2 * plain.losses.data
        assert t.epoch == 12

    @pytest.mark.parametrize("held_out", [0.0, 0.1])
    def test_weights_that_are_no_numbers_are_seen_before_any_loss_is(self, tiny_dataset, held_out):
        t = trainer(tiny_dataset, held_out=held_out)
        while t.done < 8:
            t.advance(0.0)
        t.problem.nonnegativity = spoilt_gradient(t.problem.nonnegativity)
        while t.done != 8 or not t.setbacks.notes:
            t.advance(0.0)
        assert torch.isfinite(weights(t)).all()
        assert "no longer a number" in t.setbacks.notes[0]

    @pytest.mark.parametrize("schedule", ["one-cycle", "decay"])
    def test_steps_that_leap_away_get_smaller_until_the_fit_finds_its_way(self, tiny_dataset, schedule):
        t = run(trainer(tiny_dataset, learning_rate=10.0, schedule=schedule, epochs=24))
        assert t.setbacks.caution < 0.2
        assert any("tenfold" in note for note in t.setbacks.notes)
        assert t.losses.data < 0.1  # it would have stayed at 0.27: that of saturated heads

    def test_a_fit_that_cannot_begin_says_so(self, tiny_dataset):
        t = spoiling(trainer(tiny_dataset), lambda n: True, lambda x: x * math.nan)
        with pytest.raises(InputError, match=r"first epoch.*no longer a number"):
            run(t)

    def test_one_that_cannot_go_on_ends_with_the_last_good_state(self, tiny_dataset):
        good = trainer(tiny_dataset, held_out=0.0)
        while good.done < 12:
            good.advance(0.0)
        t = run(spoiling(trainer(tiny_dataset, held_out=0.0), lambda n: n > 14, lambda x: x * math.nan))
        assert t.epoch == 3
        assert "ended there" in t.setbacks.notes[-1]
        assert torch.equal(weights(t), weights(good))

    def test_what_is_kept_meanwhile_is_the_last_good_state(self, tiny_dataset, tmp_path, monkeypatch):
        monkeypatch.setattr(training, "STEP_SECONDS", 0.0)
        path = tmp_path / "fit.checkpoint.safetensors"
        broken = Problem.misfit
        monkeypatch.setattr(Problem, "misfit", lambda *given: broken(*given) * math.nan)
        steps = fit_steps(tiny_dataset, config(), Keep(path))
        next(steps)
        steps.close()
        monkeypatch.setattr(Problem, "misfit", broken)
        plain, resumed = fit_steps(tiny_dataset, config()), fit_steps(tiny_dataset, config(), Keep(path, resume=True))
        np.testing.assert_array_equal(list(resumed)[-1].field().fod_map(), list(plain)[-1].field().fod_map())

    def test_it_is_told_in_the_step_and_kept_with_the_result(self, tiny_dataset, monkeypatch):
        plain, count = Problem.misfit, [0]

        def spoilt(self, tissue, voxels):
            count[0] += 1
            return plain(self, tissue, voxels) * (math.nan if count[0] == 6 else 1.0)

        monkeypatch.setattr(Problem, "misfit", spoilt)
        step = list(fit_steps(tiny_dataset, config()))[-1]
        (note,) = step.notes
        assert step.text == f"{note} Fitting with detail 12 mm"
        assert step.field().quality["notes"] == [note]

    def test_an_ordinary_fit_has_nothing_to_tell(self, tiny_dataset):
        step = list(fit_steps(tiny_dataset, config()))[-1]
        assert step.notes == ()
        assert "notes" not in step.field().quality


def spoilt_gradient(nonnegativity):
    """The same value with a gradient that is no number."""

    def value(fod):
        return nonnegativity(fod) + 0.0 * torch.sqrt((fod[:, 1] - fod[:, 1].detach()).abs().sum())

    return value


def short_of_memory(monkeypatch, owner, name, enough, error):
    """Let a method of a class fail for want of memory, unless `enough` of its arguments says otherwise."""
    plain, failed = getattr(owner, name), []

    def scarce(*given, **more):
        if enough(*given):
            return plain(*given, **more)
        failed.append(given)
        raise error

    monkeypatch.setattr(owner, name, scarce)
    return failed


class TestMemory:
    @pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:12])
    def test_batches_in_parts_give_the_same_fit(self, tiny_dataset, monkeypatch, error):
        plain = list(fit_steps(tiny_dataset, config()))[-1].field()
        failed = short_of_memory(monkeypatch, Problem, "misfit", lambda _, __, voxels: len(voxels) <= 20, error)
        step = list(fit_steps(tiny_dataset, config()))[-1]
        assert len(failed) == 1
        assert step.notes == (
            "Memory ran out on cpu: since then the 39 voxels of a step are worked through in 2 parts.",
        )
        for symbol, values in plain.maps().items():
            np.testing.assert_allclose(step.field().maps()[symbol], values, rtol=2e-3, atol=1e-3)

    def test_it_may_run_out_while_the_network_is_judged(self, tiny_dataset, monkeypatch):
        plain, count = Problem.held_out_error, []

        def scarce(self, tissue):
            count.append(len(tissue.S0))
            if len(count) == 3:
                raise OUT_OF_MEMORY[0]
            return plain(self, tissue)

        whole = list(fit_steps(tiny_dataset, config()))[-1]
        monkeypatch.setattr(Problem, "held_out_error", scarce)
        step = list(fit_steps(tiny_dataset, config()))[-1]
        assert len(count) == 12 + 1
        assert step.epoch == whole.epoch
        assert step.losses.held_out == pytest.approx(whole.losses.held_out, rel=1e-3)

    def test_then_the_processor_goes_on_from_the_last_good_state(self, tiny_dataset, monkeypatch):
        plain = list(fit_steps(tiny_dataset, config()))[-1].field()
        monkeypatch.setattr(training, "_require_processor", lambda error, device: None)  # as if it were another device
        first, seen = [], []

        def enough(problem, tissue, voxels):
            first.append(problem)
            seen.append(problem is first[0])
            return problem is not first[0] or len(seen) < 20

        short_of_memory(monkeypatch, Problem, "misfit", enough, OUT_OF_MEMORY[0])
        step = list(fit_steps(tiny_dataset, config()))[-1]
        assert not seen[-1]
        assert step.fraction == 1.0
        assert "since then the processor does the work" in step.text
        np.testing.assert_array_equal(step.field().fod_map(), plain.fod_map())  # it went back to the end of an epoch

    def test_also_before_the_first_step(self, tiny_dataset, monkeypatch):
        monkeypatch.setattr(training, "_require_processor", lambda error, device: None)
        made = []
        failed = short_of_memory(monkeypatch, Problem, "__init__", lambda *_: made or made.append(1), OUT_OF_MEMORY[0])
        assert list(fit_steps(tiny_dataset, config()))[-1].fraction == 1.0
        assert len(failed) == 1

    def test_a_checkpoint_it_has_no_memory_for_is_left_out(self, tiny_dataset, monkeypatch, tmp_path):
        short_of_memory(monkeypatch, tensor_file, "save", lambda *_: False, MemoryError())
        keep = Keep(tmp_path / "fit.checkpoint.safetensors", interval=0.0)
        step = list(fit_steps(tiny_dataset, config(epochs=2), keep))[-1]
        assert step.fraction == 1.0
        assert "not kept" in step.text
        assert list(tmp_path.iterdir()) == []

    def test_with_nothing_left_to_spare_it_says_what_to_do(self, tiny_dataset, monkeypatch):
        short_of_memory(monkeypatch, Problem, "misfit", lambda *_: False, OUT_OF_MEMORY[2])
        with pytest.raises(InputError, match=r"Memory.*smallest parts.*smaller mask"):
            list(fit_steps(tiny_dataset, config()))

    def test_what_is_no_want_of_memory_is_not_taken_for_it(self, tiny_dataset, monkeypatch):
        error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        failed = short_of_memory(monkeypatch, Problem, "misfit", lambda *_: False, error)
        with pytest.raises(RuntimeError, match="mat1"):
            list(fit_steps(tiny_dataset, config()))
        assert len(failed) == 1

    @pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:12])
    def test_a_field_is_evaluated_in_smaller_chunks(self, tiny_field, monkeypatch, error):
        points = np.random.default_rng(0).uniform(-10, 10, (5000, 3))
        whole = tiny_field.sample(points)
        model = type(tiny_field.model)
        failed = short_of_memory(monkeypatch, model, "at", lambda _, some: len(some) <= 1024, error)
        np.testing.assert_allclose(tiny_field.sample(points), whole, rtol=1e-4, atol=1e-5)
        assert sorted(len(some) for _, some in failed) == [2048, 2048, 4096]

    def test_then_by_the_processor_and_says_so(self, tiny_field, monkeypatch):
        points = np.random.default_rng(0).uniform(-10, 10, (500, 3))
        whole = tiny_field.sample(points)
        monkeypatch.setattr(FittedField, "device", torch.device("cuda"))
        busy = tiny_field.model
        short_of_memory(monkeypatch, type(busy), "at", lambda model, _: model is not busy, OUT_OF_MEMORY[0])
        with pytest.warns(RuntimeWarning, match="ran out on cuda.*processor"):
            np.testing.assert_array_equal(tiny_field.sample(points), whole)

    def test_real_requests_that_are_too_large_are_understood(self):
        from napari_smi_inr.memory import is_out_of_memory

        for ask in (lambda: torch.empty(1 << 50), lambda: np.empty(1 << 57)):
            with pytest.raises((RuntimeError, MemoryError)) as error:
                ask()
            assert is_out_of_memory(error.value)
        assert not is_out_of_memory(ValueError("out of memory"))
