import numpy as np
import pytest

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.baselines.smi.invariants import Invariants
from napari_smi_inr.baselines.smi.shells import find_shells
from napari_smi_inr.errors import InputError
from napari_smi_inr.simulation.protocol import paper_protocol, spread_axes


def protocol(*shells, seed=0, jitter=0.0):
    """An acquisition from (b, b_delta, volumes); spherical encoding and b = 0 without directions."""
    rng = np.random.default_rng(seed)
    b, b_delta = (np.repeat([s[i] for s in shells], [s[2] for s in shells]).astype(float) for i in (0, 1))
    u = [np.zeros((n, 3)) if b * shape == 0 else spread_axes(n, rng) for b, shape, n in shells]
    b = np.where(b > 0, b + rng.uniform(-jitter, jitter, len(b)), 0)
    return Acquisition(b, b_delta, np.concatenate(u))


IN_VIVO = (  # arXiv 2506.15762, table 2
    *((b, 0, n) for b, n in ((0, 2), (0.1, 6), (0.7, 6), (1.3, 6), (1.8, 6), (2.4, 6), (3, 6))),
    *((b, s, n) for s in (-0.5, 0.5) for b, n in ((0, 1), (0.2, 3), (1.45, 10), (2.7, 3), (2.75, 20), (4, 42))),
    *((b, 1, n) for b, n in ((0, 2), (0.2, 6), (1.45, 20), (2.7, 6), (2.75, 40), (4, 84))),
)


def test_the_simulated_protocol_of_the_paper_has_the_published_orders():
    shells = find_shells(paper_protocol())
    assert [(s.b, s.b_delta, len(s.volumes), s.lmax) for s in shells] == [
        (0, 1, 4, 0),
        (1, 1, 20, 2),
        (2, 0, 15, 0),
        (2, 1, 40, 4),
        (5, pytest.approx(0.8), 35, 4),
        (8, 1, 40, 6),
    ]


@pytest.mark.parametrize(
    ("acquisition", "orders"),
    [(paper_protocol(), [6, 4, 3]), (protocol(*IN_VIVO), [19, 9, 7])],
    ids=["simulated", "in vivo"],
)
def test_the_papers_protocols_have_the_published_features(acquisition, orders):
    table = Invariants(acquisition).table
    assert [sum(feature.l == l for feature in table) for l in (0, 2, 4)] == orders
    assert [feature.l for feature in table] == sorted(feature.l for feature in table)


def test_the_order_of_the_volumes_does_not_matter():
    acquisition = paper_protocol()
    shuffle = np.random.default_rng(0).permutation(acquisition.n_volumes)
    for plain, turned in zip(find_shells(acquisition), find_shells(acquisition.select(shuffle)), strict=True):
        assert (turned.b, turned.b_delta, turned.lmax) == pytest.approx((plain.b, plain.b_delta, plain.lmax))
        assert set(shuffle[turned.volumes]) == set(plain.volumes)


def test_b_values_of_a_scanner_are_one_shell():
    shells = find_shells(protocol((0, 1, 5), (1, 1, 30), (2, 1, 60), jitter=0.02))
    assert [len(s.volumes) for s in shells] == [5, 30, 60]
    assert [s.b for s in shells] == pytest.approx([0, 1, 2], abs=0.01)


def test_b_0_belongs_together_whatever_its_shape():
    shells = find_shells(protocol((0, 1, 2), (0, 0, 2), (0, -0.5, 1), (1, 1, 30), (2, 1, 60)))
    assert len(shells[0].volumes) == 5


def test_repeated_directions_add_no_order():
    u = spread_axes(10, np.random.default_rng(0))
    thrice = np.concatenate([np.zeros((2, 3)), u, u, -u, spread_axes(30, np.random.default_rng(1))])
    b = np.repeat([0.0, 2.0, 3.0], [2, 30, 30])
    shells = find_shells(Acquisition(b, np.ones_like(b), thrice))
    assert [s.lmax for s in shells] == [0, 2, 4]


@pytest.mark.parametrize(
    ("shells", "fault"),
    [
        (((0, 1, 3), (1, 1, 60)), "1 diffusion-weighted shell"),
        (((0, 1, 3), (1, 1, 6), (2, 1, 6)), "8 or more"),
        (((0, 1, 3), (1, 0, 20), (2, 0, 20)), "8 or more"),
        (((0, 1, 3), *((1 + 0.05 * i, 1, 5) for i in range(20))), "1000 to 1950 s/mm²"),
    ],
)
def test_a_protocol_without_shells_enough_is_refused(shells, fault):
    with pytest.raises(InputError, match=fault) as caught:
        find_shells(protocol(*shells))
    assert caught.value.where == "acquisition"
