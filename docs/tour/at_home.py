"""At home in napari: themes, small screens, menus, command palette, preferences."""

from __future__ import annotations

from guide import WINDOW, Guide
from hands import pump
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QLineEdit, QListWidget, QWidget

from napari_smi_inr.plugin.fods.fod_overlay import fod_overlay

LAPTOP = (1366, 768)


def light_theme(guide: Guide) -> None:
    """Everything open, with glyphs, in the light theme."""
    guide.viewer.theme = "light"
    guide.hands.key(Qt.Key.Key_G)
    guide.settle()
    guide.picture("light_theme")
    guide.hands.key(Qt.Key.Key_G)
    guide.viewer.theme = "dark"
    guide.settle()


def on_a_laptop(guide: Guide) -> None:
    """All docks open on 1366 x 768."""
    window = guide.hands.window
    window.resize(*LAPTOP)
    pump(0.5)
    guide.settle()
    size = (window.width(), window.height())
    guide.check(size == LAPTOP, f"everything fits in {size[0]} x {size[1]}")
    guide.picture("laptop")
    guide.viewer.theme = "light"
    guide.shown["fit"].parent().raise_()
    guide.settle()
    guide.picture("laptop_light")
    guide.viewer.theme = "dark"
    window.resize(*WINDOW)
    pump(0.5)
    guide.settle()


def menus(guide: Guide) -> None:
    """Layers > Measure and Visualize, File > IO Utilities."""
    for titles, name in ((("Layers", "Visualize"), "menu_visualize"), (("Layers", "Measure"), ""),
                         (("File", "IO Utilities"), "")):  # fmt: skip
        opened = guide.hands.open_menu(*titles)
        entries = [a.text().replace("&", "") for a in opened[-1].actions() if a.text()]
        ours = [e for e in entries if "Standard Model INR" in e]
        guide.check(opened[-1].isVisible(), f"{' > '.join(titles)}: {len(ours) or len(entries)} entries")
        if name:
            guide.picture(name, screen=True)
        for menu in reversed(opened):
            menu.close()
        pump(0.2)


def command_palette(guide: Guide) -> None:
    """Ctrl-Shift-P, and a word."""
    guide.hands.window.activateWindow()
    pump(0.2)
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(guide.hands.canvas, Qt.Key.Key_P, both)
    pump(0.5)
    (palette,) = [w for w in guide.hands.window.findChildren(QWidget) if type(w).__name__ == "QCommandPalette"]
    guide.check(palette.isVisible(), "Ctrl-Shift-P opens the command palette")
    line = palette.findChild(QLineEdit)
    QTest.keyClicks(line, "fod")
    pump(0.3)
    guide.picture("command_palette", screen=True)
    for _ in range(3):
        QTest.keyClick(line, Qt.Key.Key_Backspace)
    QTest.keyClicks(line, "fod glyphs")
    pump(0.2)
    QTest.keyClick(line, Qt.Key.Key_Return)
    pump(0.3)
    guide.settle()
    guide.check(fod_overlay(guide.viewer).settings.show == "glyphs", "it runs the command that was typed")
    guide.hands.key(Qt.Key.Key_G)


def preferences(guide: Guide) -> None:
    """File > Preferences, our page."""
    (menu,) = guide.hands.open_menu("File")
    (entry,) = [a for a in menu.actions() if a.text().replace("&", "").startswith("Preferences")]
    menu.close()
    entry.trigger()
    pump(1.0)
    (dialog,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]
    pages = dialog.findChild(QListWidget)
    names = [pages.item(i).text() for i in range(pages.count())]
    row = next(i for i, name in enumerate(names) if "smi" in name.lower() or "Standard Model" in name)
    pages.setCurrentRow(row)
    pump(0.5)
    guide.check(True, f"the preferences have a page {names[row]!r}")
    guide.picture("preferences", dialog)
    dialog.close()
    pump(0.3)
