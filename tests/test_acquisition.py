import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.errors import InputError


def directions(n, seed=0):
    u = np.random.default_rng(seed).normal(size=(n, 3))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def protocol(*shells, seed=0):
    """An acquisition of (b, b_delta, number of volumes) shells."""
    b, b_delta, n = zip(*shells, strict=True)
    return Acquisition(np.repeat(b, n), np.repeat(b_delta, n), directions(sum(n), seed))


PAPER = ((0, 1, 4), (1, 1, 20), (2, 1, 40), (8, 1, 40), (5, 0.8, 35), (2, 0, 15))
CLINICAL = ((0, 1, 5), (1, 1, 20), (2, 1, 60))


def test_shells_absorb_the_scatter_of_real_b_values_but_the_fit_keeps_it():
    rng = np.random.default_rng(1)
    b = np.concatenate([[0, 0.005, 0.05], 1 + rng.uniform(-0.015, 0.015, 30), 3 + rng.uniform(-0.02, 0.02, 60)])
    acquisition = Acquisition(b, np.ones(93), directions(93))
    assert acquisition.table() == tuple(
        (text, shape, n)
        for text, shape, n in zip(
            (f"{b[:3].mean():.3g}", f"{b[3:33].mean():.3g}", f"{b[33:].mean():.3g}"),
            ("b = 0", "linear", "linear"),
            ("3", "30", "60"),
            strict=True,
        )
    )
    np.testing.assert_array_equal(acquisition.b, b)
    assert len(acquisition.kernel_groups()[0]) == 93


def test_shells_separate_shapes_at_one_b_value_and_partition_the_volumes():
    acquisition = protocol((0, 1, 2), (2, -0.5, 6), (2, 0, 3), (2, 0.5, 4), (2, 1, 8))
    shells = acquisition.shells()
    assert [shell.shape for shell in shells] == ["b = 0", "linear", "b_delta 0.50", "spherical", "planar"]
    np.testing.assert_array_equal(np.sort(np.concatenate([shell.volumes for shell in shells])), np.arange(23))


def test_b0_is_one_group_whatever_its_shape():
    acquisition = Acquisition([0, 0.05, 0.02, 0.1], [1, 0, -0.5, 1], directions(4))
    assert [len(shell.volumes) for shell in acquisition.shells()] == [3, 1]


def test_kernel_groups_rebuild_the_exact_protocol():
    acquisition = protocol(*PAPER)
    b, b_delta, group = acquisition.kernel_groups()
    np.testing.assert_array_equal(b[group], acquisition.b)
    np.testing.assert_array_equal(b_delta[group], acquisition.b_delta)
    assert len(b) == 6


def test_select_keeps_volumes_together():
    acquisition = protocol(*PAPER)
    chosen = acquisition.select(np.array([3, 60, 150]))
    np.testing.assert_array_equal(chosen.b, acquisition.b[[3, 60, 150]])
    np.testing.assert_array_equal(chosen.directions, acquisition.directions[[3, 60, 150]])


@pytest.mark.parametrize(
    ("shells", "weak", "word"),
    [
        (PAPER, set(), "all parameters"),
        (((0, 1, 4), (1, 1, 20), (2, 1, 30), (2, -0.5, 30)), {"De", "Dp"}, "b of 3"),
        (((0, 1, 4), (1, 1, 30), (2.5, 1, 30), (6, 1, 60)), {"Di", "De"}, "second b-tensor shape"),
        (((0, 1, 4), (2, 1, 60), (2, 0, 15)), {"Di", "De", "Dp"}, "three shells"),
        (CLINICAL, {"Di", "De", "Dp"}, "two sets of values"),
        (((0, 1, 4), (0.2, 0, 30), (1, 1, 30), (2, 1, 30)), {"Di", "De", "Dp"}, "two sets of values"),
    ],
)
def test_verdict_on_kernel_parameters(shells, weak, word):
    verdict = protocol(*shells).verdict()
    assert set(verdict.weak) == weak
    assert set(verdict.identifiable) | weak == {"Di", "De", "Dp", "f", "S0", "p2"}
    assert word in verdict.text


def test_spherical_encoding_alone_sees_no_orientation():
    acquisition = Acquisition([0, 1, 2], [0, 0, 0], np.zeros((3, 3)))
    verdict = acquisition.verdict()
    assert verdict.identifiable == ("S0",)
    assert verdict.lmax == 0


def test_supported_lmax_needs_axes_and_b():
    assert protocol(*CLINICAL).verdict().lmax == 6
    assert protocol(*PAPER).verdict().lmax == 8
    assert protocol((0, 1, 2), (1, 1, 12), (2, 1, 12)).verdict().lmax == 4
    assert protocol((0, 1, 2), (0.3, 1, 60), (0.5, 1, 60)).verdict().lmax == 2


def test_antipodal_directions_count_once():
    once = protocol((0, 1, 1), (1, 1, 1), (2, 1, 20))
    twice = once.select(np.tile(np.arange(22), 2))
    twice.directions[22:] *= -1
    assert once.verdict().lmax == twice.verdict().lmax == 4


def test_verdict_warns_only_of_an_lmax_out_of_reach():
    assert "guesswork" not in protocol(*CLINICAL).verdict(6).text
    assert "lmax 8 (45 coefficients)" in protocol(*CLINICAL).verdict(8).text


@pytest.mark.parametrize(
    ("b", "b_delta", "u", "fault"),
    [
        ([0, 1], [1, 1], directions(3), "do not match"),
        ([], [], np.zeros((0, 3)), "do not match"),
        ([0, -1], [1, 1], directions(2), r"volume 1 .*b-value of -1000 s/mm²"),
        ([0, np.nan], [1, 1], directions(2), "volume 1 .* nan"),
        ([0, 1], [1, 1.2], directions(2), "volume 1 .*b_delta of 1.2"),
        ([0, 1], [1, -0.6], directions(2), "volume 1 .*b_delta of -0.6"),
        ([0, 1], [1, 1], np.zeros((2, 3)), "volume 1 .*direction of length 0"),
        ([0, 1], [1, 1], 2 * directions(2), "volume 0 .*direction of length 2, and 1 more"),
        ([0, 1], [1, 1], np.full((2, 3), np.nan), "direction of length nan"),
    ],
)
def test_impossible_protocols_are_refused(b, b_delta, u, fault):
    with pytest.raises(InputError, match=fault):
        Acquisition(b, b_delta, u)


def test_spherical_and_b0_volumes_need_no_direction():
    acquisition = Acquisition([0, 2, 1], [1, 0, 1], [[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    assert acquisition.n_volumes == 3


def test_rounded_b_delta_is_brought_into_range():
    assert Acquisition([0, 1], [1.0005, -0.5004], directions(2)).b_delta.tolist() == [1.0, -0.5]


@pytest.mark.parametrize(
    ("shells", "fault"),
    [
        (((0.7, 1, 10), (1, 1, 10)), "no b = 0 volume .*700"),
        (((0, 1, 4), (1, 1, 30)), "one shell only .linear encoding at 1000"),
        (((0, 1, 4),), "one shell only .b = 0"),
    ],
)
def test_protocols_no_fit_can_use_are_refused(shells, fault):
    with pytest.raises(InputError, match=fault):
        protocol(*shells).require_fittable()


@pytest.mark.parametrize("shells", [((0, 1, 1), (2, 1, 9), (2, 0, 3)), ((0.05, 1, 1), (1, 1, 9), (2, 1, 9))])
def test_two_shapes_or_two_b_values_suffice(shells):
    protocol(*shells).require_fittable()


def test_a_continuous_range_of_b_is_not_one_shell():
    Acquisition(np.r_[0, np.linspace(0.1, 3, 100)], np.ones(101), directions(101)).require_fittable()
