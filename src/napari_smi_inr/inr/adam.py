"""Adam on one vector of all weights."""

from __future__ import annotations

import math

import torch
from torch import nn

from .state import State

_BETA1 = 0.9
_EPSILON = 1e-8


class Adam:
    """Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019), for small networks.

    All weights of a module become views of one vector, as do their gradients, so that a step takes a handful of
    operations however many layers there are. torch's own optimisers load its compiler when the first is made, which
    takes longer than many a fit here.

    Parameters
    ----------
    module
        Whose weights are trained.
    beta2
        Memory of squared gradients.
    weight_decay
        Pull towards zero, relative to the learning rate.
    """

    def __init__(self, module: nn.Module, *, beta2: float, weight_decay: float) -> None:
        parameters = list(module.parameters())
        self._weights = torch.cat([p.detach().flatten() for p in parameters])
        self._gradient = torch.zeros_like(self._weights)
        self._mean, self._square = torch.zeros_like(self._weights), torch.zeros_like(self._weights)
        self._size = torch.empty_like(self._weights)  # a step takes no memory: it cannot fail halfway for want of it
        self._beta2, self._decay, self._steps = beta2, weight_decay, 0
        sizes = [p.numel() for p in parameters]
        views = zip(parameters, torch.split(self._weights, sizes), torch.split(self._gradient, sizes), strict=True)
        for parameter, weights, gradient in views:
            parameter.data = weights.view_as(parameter)
            parameter.grad = gradient.view_as(parameter)

    @property
    def weights(self) -> torch.Tensor:
        """All weights as they are now."""
        return self._weights

    @property
    def finite(self) -> bool:
        """Whether weights and memory are numbers: where they are not, no step will mend them."""
        return math.isfinite(float(self._weights.sum() + self._square.sum()))  # many times faster than torch.isfinite

    def state(self) -> State:
        """All that the next step depends on, apart from the gradient."""
        tensors = {"weights": self._weights, "mean": self._mean, "square": self._square}
        return State(tensors, {"steps": self._steps})

    def restore(self, state: State) -> None:
        """Go back, or on, to another state of the same network.

        Raises
        ------
        ValueError
            If it is not one.
        """
        for name, own in self.state().tensors.items():
            own.copy_(state.tensor(name, own.shape, own.dtype))
        self._steps = state.count("steps")

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self._gradient.zero_()

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Go a step down the gradient."""
        self._steps += 1
        self._mean.lerp_(self._gradient, 1.0 - _BETA1)
        self._square.mul_(self._beta2).addcmul_(self._gradient, self._gradient, value=1.0 - self._beta2)
        size = torch.sqrt(self._square, out=self._size).div_(math.sqrt(1.0 - self._beta2**self._steps)).add_(_EPSILON)
        length = learning_rate / (1.0 - _BETA1**self._steps)
        self._weights.mul_(1.0 - learning_rate * self._decay).addcdiv_(self._mean, size, value=-length)
