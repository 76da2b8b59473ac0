from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_smi_inr

MANIFEST = PluginManifest.from_file(Path(napari_smi_inr.__file__).parent / "napari.yaml")


@pytest.mark.parametrize("command", MANIFEST.contributions.commands, ids=lambda command: command.id)
def test_every_command_leads_somewhere(command):
    module, name = command.python_name.split(":")
    assert callable(getattr(import_module(module), name))


PALETTE_ONLY = {"napari-smi-inr.flicker"}


def test_every_contribution_has_its_command():
    contributed = MANIFEST.contributions
    known = {command.id for command in contributed.commands}
    users = [*contributed.readers, *contributed.writers, *contributed.sample_data, *contributed.widgets]
    in_menus = [item for items in contributed.menus.values() for item in items]
    assert known == {user.command for user in users} | {item.command for item in in_menus} | PALETTE_ONLY


def test_the_demo_asks_for_the_widget_by_its_name():
    from napari_smi_inr.plugin.demo import WIDGET
    from napari_smi_inr.plugin.fitting.fit_controller import PLUGIN

    assert (MANIFEST.name, MANIFEST.contributions.widgets[0].display_name) == (PLUGIN, WIDGET)
