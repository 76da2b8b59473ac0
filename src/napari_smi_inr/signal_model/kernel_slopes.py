"""The kernel together with its derivatives, for solvers that need both at once."""

from __future__ import annotations

import torch

from .kernel import quadrature


def kernel_and_slopes(
    b: torch.Tensor, b_delta: torch.Tensor, parameters: torch.Tensor, lmax: int, nodes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernel K_l and its derivatives by Di, De, Dp and f.

    The diffusivities stand in the exponent, times b s or b (1 - s) with s = (1 - b_delta)/3 + b_delta x², and
    quadrature differentiates under the integral: the exponentials are shared by the kernel and all four derivatives.

    Parameters
    ----------
    b, b_delta
        (G,) or (N, G) b-value [ms/µm²] and shape of the b-tensors, for all points or for each.
    parameters
        (N, 4) columns Di, De, Dp [µm²/ms] and f, as in ``KERNEL_PARAMETERS``.
    lmax
        Highest even order.
    nodes
        Quadrature nodes, from :func:`~.kernel.quadrature_nodes`.

    Returns
    -------
    kernel
        (N, lmax/2 + 1, G), equal to :func:`~.kernel.kernel`.
    slopes
        (N, 4, lmax/2 + 1, G) its derivatives, those by a diffusivity in ms/µm².
    """
    x2, weighted = quadrature(nodes, lmax, parameters.dtype, parameters.device)
    orders = weighted.shape[1]
    moments = torch.cat([weighted, x2[:, None] * weighted], dim=1)  # (Q, 2 L): of k(x) and of x² k(x)
    Di, De, Dp, f = parameters[:, :, None].unbind(1)  # (N, 1)
    along, across = b * b_delta, b * (1.0 - b_delta) / 3.0
    rate = across[..., None] + along[..., None] * x2  # (…, G, Q) b s
    stick = torch.exp(-Di[..., None] * rate) @ moments
    zeppelin = torch.exp((Dp - De)[..., None] * rate - (b * Dp)[..., None]) @ moments
    k_stick, k_zeppelin = stick[..., :orders].mT, zeppelin[..., :orders].mT  # (N, L, G)
    across, along = across[..., None, :], along[..., None, :]
    s_stick = across * k_stick + along * stick[..., orders:].mT
    s_zeppelin = across * k_zeppelin + along * zeppelin[..., orders:].mT
    f = f[..., None]
    kernel = f * k_stick + (1.0 - f) * k_zeppelin
    by_Dp = (1.0 - f) * (s_zeppelin - b[..., None, :] * k_zeppelin)
    slopes = torch.stack([-f * s_stick, (f - 1.0) * s_zeppelin, by_Dp, k_stick - k_zeppelin], dim=1)
    return kernel, slopes
