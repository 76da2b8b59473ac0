import inspect
from importlib import import_module
from pathlib import Path

import napari.viewer
import pytest
from in_n_out import resolve_type_hints
from napari._app_model import get_app_model
from npe2 import PluginManifest

import napari_smi_inr

MANIFEST = PluginManifest.from_file(Path(napari_smi_inr.__file__).parent / "napari.yaml")
COMMANDS = MANIFEST.contributions.commands


def resolve(command):
    module, name = command.python_name.split(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_every_command_leads_somewhere(command):
    assert callable(resolve(command))


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


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_the_palette_can_give_the_viewer_to_every_command_that_asks_for_it(command):
    function = resolve(command)
    asks = not inspect.isclass(function) and "viewer" in inspect.signature(function).parameters
    names = get_app_model().injection_store.namespace  # by which napari looks annotations up
    assert not asks or resolve_type_hints(function, localns=names)["viewer"] is napari.viewer.Viewer
