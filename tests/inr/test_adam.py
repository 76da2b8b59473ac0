"""Our Adam against torch's."""

import copy

import pytest
import torch
from torch import nn

from napari_smi_inr.inr.adam import Adam


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 2))


def loss(module, step):
    points = torch.linspace(-1, 1, 60).view(20, 3) + 0.1 * step
    return (module(points) - points[:, :2].sin()).square().mean()


@pytest.mark.parametrize(("beta2", "decay"), [(0.999, 0.0), (0.99, 0.1)])
def test_it_walks_where_torch_walks(beta2, decay):
    ours = network()
    theirs = copy.deepcopy(ours)
    adam = Adam(ours, beta2=beta2, weight_decay=decay)
    reference = torch.optim.AdamW(theirs.parameters(), betas=(0.9, beta2), weight_decay=decay)
    for step in range(30):
        rate = 0.01 / (1 + step)
        adam.zero_grad()
        loss(ours, step).backward()
        adam.step(rate)
        reference.param_groups[0]["lr"] = rate
        reference.zero_grad()
        loss(theirs, step).backward()
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)
