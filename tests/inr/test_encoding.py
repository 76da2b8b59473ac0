"""Detail is a length: how fast features decorrelate, whatever the scan around them."""

import numpy as np
import pytest
import torch

from napari_smi_inr.inr.encoding import FourierEncoding
from napari_smi_inr.inr.model import published_detail


def encoding(detail, features=20_000, centre=(0.0, 0.0, 0.0), seed=0):
    torch.manual_seed(seed)
    return FourierEncoding(features, detail, torch.tensor(centre))


def correlation(encode, points):
    """(N, N) mean product of the features of all pairs of points."""
    features = encode(torch.as_tensor(points, dtype=torch.float32)).double()
    return (features @ features.T / encode.frequencies.shape[1]).numpy()


@pytest.mark.parametrize("detail", [0.5, 3.0, 12.0])
def test_features_decorrelate_as_a_gaussian_of_the_detail(detail):
    points = detail * np.random.default_rng(0).normal(size=(40, 3))
    r = np.linalg.norm(points[:, None] - points, axis=-1)
    expected = np.exp(-(r**2) / (2 * detail**2))
    assert np.abs(correlation(encoding(detail), points) - expected).max() < 0.04  # about 5/sqrt(features)


def test_correlation_depends_on_distance_and_not_on_direction_or_place():
    steps = 2.0 * np.concatenate([np.eye(3), -np.eye(3)])
    along = correlation(encoding(3.0), np.concatenate([np.zeros((1, 3)), steps]))[0, 1:]
    assert np.ptp(along) < 0.03
    elsewhere = correlation(encoding(3.0), [[40.0, -7.0, 21.0], [42.0, -7.0, 21.0]])[0, 1]
    assert elsewhere == pytest.approx(along.mean(), abs=0.03)


def test_features_are_unit_waves():
    encode = encoding(2.0, features=64)
    features = encode(torch.randn(10, 3) * 50)
    assert features.shape == (10, 128)
    assert encode.n_features == 128
    torch.testing.assert_close(features[:, :64] ** 2 + features[:, 64:] ** 2, torch.ones(10, 64))


def test_features_do_not_know_the_field_of_view():
    points = torch.randn(30, 3) * 20
    encode = encoding(3.0, features=16)
    torch.testing.assert_close(encode(points)[:5], encode(points[:5]))


def test_far_from_the_origin_phases_stay_exact():
    # A bed position of a metre must not cost single-precision digits.
    offset = np.array([1000.0, -700.0, 300.0])
    points = np.random.default_rng(1).uniform(-50, 50, (20, 3)).round(3)
    near = encoding(0.5, features=256)
    far = encoding(0.5, features=256, centre=tuple(offset))
    torch.testing.assert_close(far.frequencies, near.frequencies)
    difference = far(torch.as_tensor(points + offset, dtype=torch.float32)) - near(
        torch.as_tensor(points, dtype=torch.float32)
    )
    assert difference.abs().max() < 2e-3


def test_frequencies_are_fixed_but_kept_with_the_weights():
    encode = encoding(2.0, features=4)
    assert not list(encode.parameters())
    assert set(encode.state_dict()) == {"frequencies", "centre"}


def test_published_detail_follows_the_longest_side():
    # 3.5 cycles (standard deviation) for half the extent between outer voxel centres.
    half = 139 / 2
    assert published_detail((140, 80, 40), np.ones(3)) == pytest.approx(half / (2 * np.pi * 3.5))
    assert published_detail((140, 80, 40), np.full(3, 2.0)) == pytest.approx(2 * half / (2 * np.pi * 3.5))
    assert published_detail((10, 10, 51), np.array([1.0, 1.0, 2.0])) == pytest.approx(50 / (2 * np.pi * 3.5))


def test_published_detail_of_a_single_voxel_is_a_length():
    assert published_detail((1, 1, 1), np.array([2.0, 2.0, 3.0])) > 0
