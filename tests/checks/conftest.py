"""A scan of the phantom to be spoilt, and ways to spoil its protocol."""

import dataclasses

import pytest

import napari_smi_inr as smi


@pytest.fixture(scope="session")
def phantom():
    """A clean scan of 3,273 voxels at SNR 30, three b-tensor shapes. Not to be changed."""
    return smi.simulate((28, 28, 8), snr=30, lmax=4, seed=1)


@pytest.fixture
def measured():
    """A scan with parts of its protocol, or its mask, replaced."""

    def change(data, mask=None, signal=None, **protocol):
        acquisition = dataclasses.replace(data.acquisition, **protocol)
        mask, signal = data.mask if mask is None else mask, data.signal if signal is None else signal
        return smi.DiffusionDataset(signal, acquisition, mask, data.affine)

    return change
