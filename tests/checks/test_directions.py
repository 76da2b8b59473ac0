"""The fibres must ask for the axes that were taken away, and for none where none were."""

import numpy as np
import pytest
from scipy import ndimage

import napari_smi_inr as smi
from napari_smi_inr.checks.axes import AS_GIVEN, BVEC_AXES, axes_matrix, turned
from napari_smi_inr.checks.directions import axes_by_fibres, check_directions, judge
from napari_smi_inr.checks.fibres import NEIGHBOURS, _compare, fibre_coherence
from napari_smi_inr.checks.finding import Severity
from napari_smi_inr.io.export import save_scan
from scan_files import AFFINES

SCAN = "shared/real_data/nyu_two_slices"


def undoes(fix, spoilt):
    """Whether axes give back what others have spoilt, up to a common sign."""
    return abs(np.trace(axes_matrix(fix) @ axes_matrix(spoilt))) == 3


@pytest.mark.parametrize("axes", BVEC_AXES[1:])
def test_each_of_the_flips_and_swaps_is_found_and_undone(phantom, axes):
    (finding,) = check_directions(turned(phantom, axes))
    assert finding.severity is Severity.WARNING
    assert undoes(finding.bvec_axes, axes)


def test_sound_directions_are_passed_without_a_word(phantom):
    assert check_directions(phantom) == ()
    assert axes_by_fibres(phantom) == AS_GIVEN


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("axes", ["x,y,z", "-x,y,z", "z,-x,y"])
def test_the_best_axes_are_right_in_any_image(affine, axes):
    affine = affine.copy()
    affine[:3, :3] *= np.array([1.25, 1.25, 0.8])  # voxels of 2.5 x 2.5 x 2.4 mm
    data = smi.simulate((28, 28, 10), snr=30, lmax=4, affine=affine)
    coherence = fibre_coherence(turned(data, axes))
    assert undoes(BVEC_AXES[coherence.best], axes)


@pytest.mark.parametrize("seed", range(5))
def test_noise_raises_no_alarm(seed):
    noisy = smi.simulate((28, 28, 8), snr=12, lmax=2, seed=seed)
    assert not any(finding.bvec_axes for finding in check_directions(noisy))


def test_too_few_voxels_are_said_to_tell_nothing(tiny_dataset):
    (finding,) = check_directions(turned(tiny_dataset, "-x,y,z"))
    assert finding.severity is Severity.NOTICE
    assert not finding.bvec_axes


def test_fields_of_random_directions_ask_for_no_axes():
    """Whichever axes are given, the others are no better, beyond one alarm in twenty."""
    shape = (24, 24, 8)
    everywhere, steps = np.ones(shape, bool), NEIGHBOURS / np.linalg.norm(NEIGHBOURS, axis=1, keepdims=True)
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        axis, fa = (
            ndimage.gaussian_filter(rng.normal(size=(*shape, n)), (1.5, 1.5, 1.5, 0)).reshape(-1, n) for n in (3, 1)
        )
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        fa = (0.4 + 0.15 * fa[:, 0] / fa.std()).clip(0.02, 0.95)
        finding = judge(_compare(everywhere, everywhere, (fa, np.full(len(fa), 0.8), axis), steps))
        alarms += finding is not None and bool(finding.bvec_axes)
    assert alarms <= 2


def test_a_protocol_that_tells_no_tensor_is_passed_over(phantom, measured):
    acquisition = phantom.acquisition
    along_z = np.where(np.any(acquisition.directions != 0, axis=1)[:, None], [0.0, 0.0, 1.0], 0.0)
    assert check_directions(measured(phantom, directions=along_z)) == ()


def test_voxels_without_signal_around_the_mask_do_no_harm(phantom, measured):
    signal = phantom.signal.copy()
    signal[..., phantom.acquisition.is_b0] *= np.where(phantom.mask, 1, -1)[..., None]
    assert check_directions(measured(phantom, signal=signal)) == ()


def test_automatic_axes_mend_a_flipped_file(phantom, tmp_path):
    save_scan(turned(phantom, "x,-y,z"), tmp_path)
    files = tmp_path / "dwi.nii.gz", tmp_path / "mask.nii.gz"
    data = smi.load(*files, bvec_axes="auto")
    same = np.abs(np.sum(data.acquisition.directions * phantom.acquisition.directions, axis=1))
    np.testing.assert_allclose(same[~data.acquisition.is_b0 & (data.acquisition.b_delta > 0)], 1, atol=1e-6)
    assert any("y flipped" in note for note in data.notes)
    assert any(finding.bvec_axes for finding in smi.check(smi.load(*files)))
