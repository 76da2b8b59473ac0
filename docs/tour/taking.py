"""Take away: pictures, frozen copies, movies."""

from __future__ import annotations

from fitting import go_to
from guide import Guide
from hands import pump, wait
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_smi_inr.plugin.demo import SIGHT_MM
from napari_smi_inr.plugin.taking.picture import Resolution
from napari_smi_inr.plugin.taking.take_away import save_view
from napari_smi_inr.plugin.taking.zoom_movie import Flight, zoom_movie


def copy_the_view(guide: Guide) -> None:
    """To the clipboard, by the button."""
    section = guide.shown["section"] = guide.shown["explorer"].take_away
    section.parent().unfold(True)
    guide.hands.key(Qt.Key.Key_E)  # to the front
    guide.hands.click(guide.hands.button("home"))
    go_to(guide, SIGHT_MM)
    guide.hands.wheel(6)
    guide.settle()
    QApplication.clipboard().clear()
    height, width = section.resolution.size(guide.viewer)
    guide.hands.click(section.copy_button)
    wait(lambda: not QApplication.clipboard().image().isNull(), 120, "the picture on the clipboard")
    image = QApplication.clipboard().image()
    guide.check((image.width(), image.height()) == (width, height), f"copied {width} x {height} pixels")
    guide.picture("take_away")


def save_it_for_print(guide: Guide) -> None:
    """17 cm wide at 300 dpi; the dialog for the file is the system's, so its name is given here."""
    path = guide.files / "view.png"
    path.unlink(missing_ok=True)
    paper = Resolution.on_paper(dpi=300, width_cm=17)
    save_view(guide.viewer, paper, path)
    wait(path.exists, 180, "the picture")
    with Image.open(path) as image:
        size, dpi = image.size, image.info["dpi"][0]
    guide.check(size[0] == round(17 / 2.54 * 300), f"saved {size[0]} x {size[1]} pixels, {dpi:.0f} dpi")
    guide.settle()


def freeze_to_a_layer(guide: Guide) -> None:
    """What is in view, on a fixed grid, by the button."""
    section, layers = guide.shown["section"], guide.viewer.layers
    before = {layer.name for layer in layers}
    guide.hands.click(section.layer_button)
    wait(lambda: len(layers) > len(before), 60, "the frozen layer")
    (frozen,) = [layer for layer in layers if layer.name not in before]
    guide.settle()
    guide.check(frozen.data.ndim == 3, f"frozen {' x '.join(map(str, frozen.data.shape[::-1]))} samples")
    guide.picture("frozen")
    layers.remove(frozen)
    layers.selection.active = guide.shown["zoom"]
    section.parent().unfold(False)
    pump(0.2)


def zoom_movie_into_it(guide: Guide) -> None:
    """Short, as a GIF: from the whole slice to here."""
    path = guide.files / "zoom.gif"
    path.unlink(missing_ok=True)
    go_to(guide, SIGHT_MM)
    guide.hands.wheel(6)
    guide.settle()
    zoom_movie(guide.viewer, path, Flight(seconds=1.0, rest=0.2, fps=8, factor=0.5))
    wait(path.exists, 240, "the movie")
    with Image.open(path) as movie:
        frames, size = movie.n_frames, movie.size
    guide.check(frames > 4, f"a movie of {frames} frames, {size[0]} x {size[1]} pixels")
