from __future__ import annotations

import numpy as np
import pytest

from napari_smi_inr.simulation.protocol import PAPER_SHELLS, paper_protocol, spread_axes


def test_shells_are_those_of_the_paper() -> None:
    protocol = paper_protocol()
    assert protocol.n_volumes == 154
    for b, b_delta, n in PAPER_SHELLS:
        assert np.count_nonzero((protocol.b == b) & (protocol.b_delta == b_delta)) == n


def test_directions_are_unit_vectors_where_there_is_one() -> None:
    protocol = paper_protocol()
    length = np.linalg.norm(protocol.directions, axis=1)
    directed = protocol.b * protocol.b_delta > 0
    np.testing.assert_allclose(length[directed], 1, atol=1e-7)
    np.testing.assert_array_equal(length[~directed], 0)


@pytest.mark.parametrize("n", [20, 35, 40])
def test_axes_are_spread_evenly(n: int) -> None:
    axes = spread_axes(n, np.random.default_rng(3))
    cosine = np.abs(axes @ axes.T) - 2 * np.eye(n)
    nearest = np.degrees(np.arccos(cosine.max(axis=1)))
    # Caps of half the nearest angle around all 2n ends can cover at most ~91 % of the sphere.
    even = np.degrees(np.arccos(1 - 2 * 0.9069 / (2 * n))) * 2
    assert nearest.min() > 0.8 * even
    assert np.all(axes[:, 2] >= 0)
    np.testing.assert_allclose(np.linalg.eigvalsh(axes.T @ axes) * 3 / n, 1, atol=0.03)


def test_half_of_each_shell_is_flipped() -> None:
    protocol = paper_protocol()
    for b, b_delta, n in PAPER_SHELLS:
        if b * b_delta:
            up = protocol.directions[(protocol.b == b) & (protocol.b_delta == b_delta), 2] > 0
            assert abs(up.sum() - n / 2) <= 1


def test_seed_decides() -> None:
    np.testing.assert_array_equal(paper_protocol(4).directions, paper_protocol(4).directions)
    assert not np.allclose(paper_protocol(4).directions, paper_protocol(5).directions)
