"""The fibre response against mpmath, closed forms, limits and its own derivatives."""

from functools import cache

import mpmath
import numpy as np
import pytest
import torch
from dipy.reconst.forecast import psi_l
from scipy.integrate import quad
from scipy.spatial.transform import Rotation
from scipy.special import dawsn, erf, eval_legendre

from napari_smi_inr.parameters import FASTEST
from napari_smi_inr.signal_model.kernel import (
    asymmetry_integrals,
    compartment_integrals,
    kernel,
    legendre_projections,
    quadrature_nodes,
)
from napari_smi_inr.signal_model.spherical_harmonics import degrees, real_sh
from napari_smi_inr.signal_model.tensor_signal import predict_tensor_signal

ORDERS = (0, 2, 4, 6, 8)
ALPHAS = (-16.0, -9.3, -4.0, -1.0, -0.1, -1e-3, -1e-9, 0.0, 1e-9, 1e-6, 1e-3, 0.1, 0.7, 1.0, 4.0, 10.0, 21.7, 32.0)


@cache
def exact(alpha):
    """c_l(α) for l = 0 … 8 by mpmath quadrature at 30 digits."""

    def integrand(l):
        return lambda x: mpmath.exp(-mpmath.mpf(alpha) * x**2) * mpmath.legendre(l, x)

    with mpmath.workdps(30):
        return [float(mpmath.quad(integrand(l), [0, 0.5, 1])) for l in ORDERS]


def double(*values):
    return [torch.as_tensor(v, dtype=torch.float64) for v in values]


def response(b, b_delta, Di, De, Dp, f, lmax=8):
    return kernel(*double(b, b_delta, Di, De, Dp, f), lmax=lmax).numpy()


class TestLegendreProjections:
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
    def test_equal_the_integral_for_either_sign(self, dtype, tolerance):
        got = legendre_projections(torch.tensor(ALPHAS, dtype=dtype), 8)
        assert got.dtype == dtype
        scale = np.maximum(1, np.exp(-np.array(ALPHAS)))[:, None]
        assert (np.abs(got.double().numpy() - [exact(a) for a in ALPHAS]) / scale).max() < tolerance

    def test_each_value_is_as_good_without_its_neighbours(self):
        # The number of nodes follows the largest |α| of the call.
        for alpha in ALPHAS:
            got = legendre_projections(torch.tensor(alpha, dtype=torch.float64), 8).numpy()
            np.testing.assert_allclose(got, exact(alpha), rtol=0, atol=1e-12 * max(1, np.exp(-alpha)))

    @pytest.mark.parametrize("alpha", [-40.0, -25.0, 50.0, 80.0, 150.0])
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
    def test_stronger_weighting_costs_no_accuracy(self, alpha, dtype, tolerance):
        got = legendre_projections(torch.tensor(alpha, dtype=dtype), 8).double().numpy()
        np.testing.assert_allclose(got, exact(alpha), rtol=0, atol=tolerance * max(1, np.exp(-alpha)))

    @pytest.mark.parametrize(
        ("alpha", "published"),
        [
            (1.0, [0.746824132812, -0.0892035476755, 0.00821374486226, -5.6501844656e-4, 3.07197832781e-5]),
            (10.0, [0.280247390507, -0.11910854596, 0.061739094788, -0.0294207268854, 0.0124157920583]),
            (-4.0, [8.22631388275, 4.58156233682, 1.69658359938, 0.464148933642, 0.100315605208]),
        ],
    )
    def test_tabulated_values(self, alpha, published):
        np.testing.assert_allclose(legendre_projections(alpha, 8), published, rtol=1e-10)

    @pytest.mark.parametrize("alpha", [0.2, 1.0, 6.0, 20.0])
    def test_equal_half_of_dipys_psi(self, alpha):
        theirs = [psi_l(l, alpha) / 2 for l in ORDERS]
        np.testing.assert_allclose(legendre_projections(alpha, 8), theirs, atol=1e-9)

    def test_without_weighting_only_the_mean_is_left(self):
        np.testing.assert_allclose(legendre_projections(0.0, 8), [1, 0, 0, 0, 0], atol=1e-15)

    def test_small_alpha_follows_the_series(self):
        alpha = 1e-3
        leading = [1 - alpha / 3, -2 * alpha / 15 + 2 * alpha**2 / 35, 4 * alpha**2 / 315]
        off = np.abs(legendre_projections(alpha, 4).numpy() - leading)
        assert (off < [alpha**2 / 9, alpha**3 / 50, alpha**3 / 100]).all()  # bounded by the next terms

    def test_signs(self):
        alphas = np.linspace(-16, -0.5, 20)
        assert (legendre_projections(alphas, 8).numpy() > 0).all()
        alternating = (-1.0) ** np.arange(5)
        assert (legendre_projections(-alphas, 8).numpy() * alternating > 0).all()

    @pytest.mark.parametrize("alpha", [-8.0, -2.0, 0.3, 3.0, 12.0])
    def test_expansion_adds_up_to_the_profile(self, alpha):
        top = 60
        c = legendre_projections(alpha, top, nodes=96).numpy()
        l = np.arange(0, top + 1, 2)
        for x in (0.0, 0.4, 1.0):  # at x = 1 this is the sum rule
            total = np.sum((2 * l + 1) * c * eval_legendre(l, x))
            assert total == pytest.approx(np.exp(-alpha * x**2), abs=1e-10 * max(1, np.exp(-alpha)))

    @pytest.mark.parametrize("alpha", [-11.0, -0.5, 0.5, 2.0, 30.0])
    def test_three_term_recurrence(self, alpha):
        c = dict(zip(range(0, 13, 2), legendre_projections(alpha, 12).tolist(), strict=True))
        for l in range(2, 11, 2):
            ahead = ((l + 2) * c[l + 2] + (l + 1) * c[l]) / (2 * l + 3)
            behind = (l * c[l] + (l - 1) * c[l - 2]) / (2 * l - 1)
            scale = max(1, np.exp(-alpha))
            assert (2 * l + 1) * c[l] == pytest.approx(2 * alpha * (ahead - behind), abs=1e-11 * scale)

    @pytest.mark.parametrize("alpha", [-11.0, -1.0, -1e-6, 0.0, 1e-6, 0.5, 5.0, 30.0])
    def test_gradient_follows_the_derivative_formula(self, alpha):
        at = torch.tensor(alpha, dtype=torch.float64)
        slope = torch.autograd.functional.jacobian(lambda a: legendre_projections(a, 8), at).numpy()
        c = dict(zip(range(0, 11, 2), legendre_projections(at, 10).tolist(), strict=True)) | {-2: 0.0}
        for l in ORDERS:
            A = (l + 1) * (l + 2) / ((2 * l + 1) * (2 * l + 3))
            B = (2 * l**2 + 2 * l - 1) / ((2 * l - 1) * (2 * l + 3))
            C = l * (l - 1) / ((2 * l + 1) * (2 * l - 1))
            expected = -(A * c[l + 2] + B * c[l] + C * c[l - 2])
            assert slope[l // 2] == pytest.approx(expected, abs=1e-12 * max(1, np.exp(-alpha)))

    def test_gradcheck(self):
        alpha = torch.tensor([-5.0, -1e-4, 0.0, 1e-4, 2.0, 20.0], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda a: legendre_projections(a, 8), alpha)

    @pytest.mark.parametrize("lmax", ORDERS)
    def test_orders_do_not_depend_on_the_highest(self, lmax):
        got = legendre_projections(torch.tensor([[2.0, -1.0]], dtype=torch.float64), lmax)
        assert got.shape == (1, 2, lmax // 2 + 1)
        np.testing.assert_allclose(got[0], [exact(2.0)[: lmax // 2 + 1], exact(-1.0)[: lmax // 2 + 1]], atol=1e-14)

    def test_numbers_arrays_and_integers_are_taken(self):
        for two in (2, 2.0, np.float64(2), np.array(2)):
            np.testing.assert_allclose(legendre_projections(two, 2), exact(2.0)[:2], atol=1e-7)
        assert legendre_projections(np.empty((0, 3)), 4).shape == (0, 3, 3)

    def test_nodes_grow_with_alpha_and_precision(self):
        assert quadrature_nodes(1.0, torch.float32) < quadrature_nodes(1.0, torch.float64)
        assert quadrature_nodes(1.0, torch.float64) < quadrature_nodes(200.0, torch.float64)


TISSUE = {"Di": 2.2, "De": 1.8, "Dp": 0.6, "f": 0.55}


def profile_projections(b, b_delta, Di, De, Dp, f):
    """K_l straight from exp(-B:D) along and across the fibre, by adaptive quadrature."""

    def attenuation(x, axial, radial):
        along = (1 - b_delta) / 3 + b_delta * x**2  # nᵀBn / b
        return np.exp(-b * (axial * along + radial * (1 - along)))

    def mixed(x):
        return f * attenuation(x, Di, 0.0) + (1 - f) * attenuation(x, De, Dp)

    return [quad(lambda x, l=l: mixed(x) * eval_legendre(l, x), 0, 1, epsabs=1e-13)[0] for l in ORDERS]


class TestKernel:
    @pytest.mark.parametrize("b_delta", [1.0, 0.8, 0.5, 0.01, 0.0, -0.3, -0.5])
    @pytest.mark.parametrize("b", [0.0, 0.1, 2.0, 8.0])
    @pytest.mark.parametrize("zeppelin", [(1.8, 0.6), (0.5, 1.5), (1.0, 1.0)])
    def test_equals_projections_of_the_profile(self, b, b_delta, zeppelin):
        tissue = TISSUE | dict(zip(("De", "Dp"), zeppelin, strict=True))
        np.testing.assert_allclose(
            response(b, b_delta, **tissue), profile_projections(b, b_delta, **tissue), atol=1e-12
        )

    @pytest.mark.parametrize("b_delta", [1.0, 0.0, -0.5])
    def test_no_weighting_no_attenuation(self, b_delta):
        np.testing.assert_allclose(response(0.0, b_delta, **TISSUE), [1, 0, 0, 0, 0], atol=1e-15)

    @pytest.mark.parametrize("b", [20.0, 60.0])
    def test_stronger_weighting_costs_no_accuracy(self, b):
        """A stick's projections at α = b D, far beyond what nodes for ordinary protocols would do for."""
        np.testing.assert_allclose(response(b, 1.0, 3.9, 1.0, 0.5, 1.0), exact(b * 3.9), atol=1e-11)

    def test_spherical_encoding_sees_mean_diffusivities_only(self):
        expected = 0.55 * np.exp(-2 * 2.2 / 3) + 0.45 * np.exp(-2 * (1.8 + 2 * 0.6) / 3)
        np.testing.assert_allclose(response(2.0, 0.0, **TISSUE), [expected, 0, 0, 0, 0], atol=1e-15)

    @pytest.mark.parametrize("b_delta", [1.0, 0.4, -0.5])
    def test_pure_compartments(self, b_delta):
        one = response(3.0, b_delta, **TISSUE | {"f": 1.0})
        np.testing.assert_array_equal(one, response(3.0, b_delta, Di=2.2, De=0.1, Dp=1.4, f=1.0))
        none = response(3.0, b_delta, **TISSUE | {"f": 0.0})
        np.testing.assert_array_equal(none, response(3.0, b_delta, Di=0.3, De=1.8, Dp=0.6, f=0.0))
        np.testing.assert_allclose(response(3.0, b_delta, **TISSUE), 0.55 * one + 0.45 * none, atol=1e-15)

    @pytest.mark.parametrize("b_delta", [1.0, 0.4, -0.5])
    def test_isotropic_extra_axonal_space(self, b_delta):
        got = response(2.0, b_delta, Di=2.0, De=0.9, Dp=0.9, f=0.0)
        np.testing.assert_allclose(got, [np.exp(-1.8), 0, 0, 0, 0], atol=1e-15)

    @pytest.mark.parametrize("b", [0.5, 2.0, 8.0])
    def test_powder_stick_in_linear_encoding_is_an_error_function(self, b):
        z = b * 2.2
        expected = np.sqrt(np.pi / (4 * z)) * erf(np.sqrt(z))
        assert response(b, 1.0, **TISSUE | {"f": 1.0})[0] == pytest.approx(expected, abs=1e-13)

    @pytest.mark.parametrize("b", [0.5, 2.0, 8.0])
    def test_powder_stick_in_planar_encoding_is_dawsons_function(self, b):
        z = np.sqrt(b * 2.2 / 2)
        assert response(b, -0.5, **TISSUE | {"f": 1.0})[0] == pytest.approx(dawsn(z) / z, abs=1e-13)

    @pytest.mark.parametrize("b_delta", [1.0, -0.5])
    def test_nothing_happens_where_axial_and_radial_diffusivity_cross(self, b_delta):
        De = np.linspace(0.999, 1.001, 41)
        values = kernel(*double(5.0, b_delta, 2.0, De, 1.0, 0.4), lmax=8).numpy()
        bend = np.abs(np.diff(values, n=2, axis=0))  # a jump, or a kink, would stand out
        assert bend.max() < 1e-7

    def test_nothing_happens_where_the_shape_passes_spherical(self):
        b_delta = np.linspace(-1e-3, 1e-3, 41)
        values = kernel(*double(5.0, b_delta, 2.0, 1.8, 0.6, 0.4), lmax=8).numpy()
        assert np.abs(np.diff(values, n=2, axis=0)).max() < 1e-7

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("b_delta", [1.0, 0.0, -0.5])
    def test_values_and_gradients_are_finite_at_the_corners_of_the_bounds(self, b_delta, dtype):
        corners = np.stack(np.meshgrid([0, 4], [0, 4], [0, 1.5], [0, 1], [0, 1e-6, 20, 100]), -1).reshape(-1, 5)
        *tissue, b = torch.tensor(corners, dtype=dtype).T
        leaves = [t.clone().requires_grad_() for t in tissue]
        value = kernel(b, torch.tensor(b_delta, dtype=dtype), *leaves, lmax=8)
        value.square().sum().backward()
        assert torch.isfinite(value).all()
        assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)
        assert (value.abs() <= 1 + 1e-6).all()

    @pytest.mark.parametrize("b_delta", [1.0, 0.0, -0.5])
    def test_single_precision_is_as_good_as_its_rounding(self, b_delta):
        rng = np.random.default_rng(2)
        tissue = rng.uniform([0, 0, 0, 0, 0], [8, 4, 4, 1.5, 1], size=(500, 5)).T
        b, *rest = tissue
        wide = kernel(*double(b, b_delta, *rest), lmax=8)
        narrow = kernel(*(torch.as_tensor(v, dtype=torch.float32) for v in (b, b_delta, *rest)), lmax=8)
        np.testing.assert_allclose(narrow, wide, rtol=0, atol=1e-6)

    @pytest.mark.parametrize("b_delta", [1.0, 0.6, 0.0, -0.5])
    def test_gradcheck(self, b_delta):
        tissue = [t.reshape(1).requires_grad_() for t in double(2.2, 0.9, 1.1, 0.55)]
        assert torch.autograd.gradcheck(lambda *t: kernel(*double(3.0, b_delta), *t, lmax=8), tissue)

    def test_all_arguments_broadcast(self):
        tissue = [v[:, None] for v in double([2.0, 2.4], [1.8, 0.7], [0.6, 0.9], [0.3, 0.8])]
        b, b_delta = double([0.0, 1.0, 5.0], [1.0, -0.5, 0.2])
        got = kernel(b, b_delta, *tissue, lmax=4)
        assert got.shape == (2, 3, 3)
        one_by_one = [
            [response(b[g], b_delta[g], *(t[n, 0] for t in tissue), lmax=4) for g in range(3)] for n in range(2)
        ]
        np.testing.assert_allclose(got, one_by_one, atol=1e-14)


def frames(n, seed=0):
    """(n, 3) axes each of u, e₁ and e₂."""
    return np.moveaxis(Rotation.random(n, random_state=seed).as_matrix(), 2, 0)


class TestAsymmetry:
    @pytest.mark.parametrize("b_delta", [0.8, 0.3, 0.0, -0.2, -0.5])
    @pytest.mark.parametrize("l", [0, 2, 4])
    def test_is_the_slope_of_the_signal_by_the_asymmetry(self, b_delta, l):
        """For the part of order l of an FOD in several frames, against the sum over the sphere."""
        b, step, lmax, (u, one, other) = 3.0, 1e-4, 4, frames(6)
        fod = np.random.default_rng(1).normal(size=15) * (degrees(lmax) == l)
        symmetric = (1 - b_delta) / 3 * np.eye(3) + b_delta * u[:, :, None] * u[:, None]
        asymmetry = one[:, :, None] * one[:, None] - other[:, :, None] * other[:, None]
        tensors = b * (symmetric[None] + np.multiply.outer([step, -step], asymmetry))
        values = {name: np.full(2, value) for name, value in (TISSUE | {"S0": 1.0}).items()}
        above, below = predict_tensor_signal(values, np.tile(fod, (2, 1)), tensors)
        response = kernel(*double(b, b_delta, *TISSUE.values()), lmax=lmax, asymmetric=True).numpy()
        of_order = response[3 + l // 2 - 1] if l else 0.0  # A_l follows K_0, K_2 and K_4
        expected = 4 * np.pi * b * of_order * ((real_sh(one, lmax) - real_sh(other, lmax)) @ fod)
        np.testing.assert_allclose((above - below) / (2 * step), expected, atol=1e-7)

    @pytest.mark.parametrize(("lmax", "n"), [(0, 0), (2, 1), (4, 2), (8, 2)])
    def test_leaves_the_kernel_as_it_is_and_ends_at_order_four(self, lmax, n):
        given = double(3.0, -0.5, *TISSUE.values())
        both = kernel(*given, lmax=lmax, asymmetric=True)
        assert len(both) == lmax // 2 + 1 + n
        torch.testing.assert_close(both[: lmax // 2 + 1], kernel(*given, lmax=lmax))
        torch.testing.assert_close(both[lmax // 2 + 1 :], kernel(*given, lmax=4, asymmetric=True)[3 : 3 + n])

    def test_of_spherical_encoding_sees_order_two_alone(self):
        _, _, _, second, fourth = kernel(*double(2.0, 0.0, *TISSUE.values()), lmax=4, asymmetric=True)
        stick, zeppelin = 0.55 * 2.2 * np.exp(-2 * 2.2 / 3), 0.45 * 1.2 * np.exp(-2 * 3.0 / 3)
        assert float(second) == pytest.approx(-2 / 15 * (stick + zeppelin), abs=1e-15)
        assert float(fourth) == pytest.approx(0, abs=1e-15)


class TestIntegrals:
    """The kernel of fixed b-tensors as matrices, against the kernel of any."""

    b, b_delta = np.array([0.0, 1.0, 2.0, 2.0, 5.0, 8.0]), np.array([1.0, 1.0, -0.5, 0.0, 0.8, 1.0])

    @pytest.fixture
    def tissue(self):
        rng = np.random.default_rng(0)
        corners = np.array([[4, 4, 1.5, 1], [4, 4, 0, 0], [0, 0, 1.5, 0], [0, 4, 1.5, 0.5]])
        return np.concatenate([corners, rng.uniform([0] * 4, [4, 4, 1.5, 1], (20, 4))])

    @pytest.mark.parametrize("lmax", [0, 2, 8])
    @pytest.mark.parametrize("strength", [1.0, 4.0])
    def test_give_the_kernel_of_both_compartments(self, tissue, lmax, strength):
        b = strength * self.b
        exponents, legendre = compartment_integrals(b, self.b_delta, lmax)
        assert exponents.max() <= 0  # so that nothing overflows, for planar encoding neither
        stick, zeppelin = np.split(np.exp(tissue[:, :3] @ exponents), 2, axis=1)
        f = tissue[:, 3:]
        found = (f * (stick @ legendre) + (1 - f) * (zeppelin @ legendre)).reshape(len(tissue), -1, len(b))
        expected = kernel(*double(b, self.b_delta), *torch.as_tensor(tissue.T[:, :, None]), lmax)
        np.testing.assert_allclose(np.moveaxis(found, 1, 2), expected, atol=1e-6)

    @pytest.mark.parametrize("lmax", [2, 4, 8])
    def test_give_the_kernel_of_the_asymmetry(self, tissue, lmax):
        exponents, _ = compartment_integrals(self.b, self.b_delta, lmax)
        across = asymmetry_integrals(self.b, self.b_delta, lmax)
        stick, zeppelin = np.split(np.exp(tissue[:, :3] @ exponents), 2, axis=1)
        Di, De, Dp, f = tissue.T[:, :, None]
        found = ((f * Di * stick + (1 - f) * (De - Dp) * zeppelin) @ across).reshape(len(tissue), -1, len(self.b))
        both = kernel(*double(self.b, self.b_delta), *torch.as_tensor(tissue.T[:, :, None]), lmax, asymmetric=True)
        np.testing.assert_allclose(np.moveaxis(found, 1, 2), both[..., lmax // 2 + 1 :], atol=1e-6)

    @pytest.mark.parametrize("strength", [1.0, 4.0])
    def test_take_no_more_nodes_than_single_precision_can_use(self, strength):
        """Of the strongest tensor and the fastest diffusion: work grows with every node."""
        exponents, legendre = compartment_integrals(strength * self.b, self.b_delta, 4)
        nodes = quadrature_nodes(strength * 8.0 * FASTEST, torch.float32)
        assert exponents.shape == (3, 2 * len(self.b) * nodes)
        assert legendre.shape == (len(self.b) * nodes, 3 * len(self.b))
        assert asymmetry_integrals(strength * self.b, self.b_delta, 4).shape == (len(self.b) * nodes, 2 * len(self.b))
