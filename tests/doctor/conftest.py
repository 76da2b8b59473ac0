"""Machines made up of facts: a sound one, to be spoilt at will."""

import dataclasses

import pytest

from napari_smi_inr.doctor.facts import Card, Check, Driver, Facts, Folder, Torch, Window

CARD = Card("NVIDIA RTX A2000", 12.6, 11.9)
CPU_BUILD = Torch("2.13.0+cpu", threads=8)
CUDA_BUILD = Torch("2.13.0+cu130", cuda="13.0", threads=8)
PYQT = {"PyQt6": "6.11.0"}


def driver(cuda="13.1", version="590.44.01", cards=(CARD,)):
    return Driver(version, cuda, cards)


def window(**changes):
    return dataclasses.replace(Window("0.9.2", PYQT, "", True, ""), **changes)


@pytest.fixture
def machine():
    """Facts of a sound machine without a graphics card, with changes."""

    def make(**changes):
        sound = Facts(
            system="Linux",
            machine="x86_64",
            translated=False,
            python="3.12.1",
            cores=8,
            memory=32.0,
            free=20.0,
            torch=CPU_BUILD,
            driver=None,
            undriven_card=False,
            hidden_cards=None,
            window=window(),
            extras={"figures": (), "movie": ()},
            folders=(Folder("trained networks", "cache"),),
            checks=(Check("cpu", 1e-7),),
            versions={"napari-smi-inr": "0.1.0", "torch": "2.13.0"},
        )
        return dataclasses.replace(sound, **changes)

    return make
