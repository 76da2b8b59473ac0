"""A tour through everything the viewer does, by real mouse and key events, asserting what it shows.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/tour

fits the sample scan and leaves the pictures of the documentation. With ``--real FOLDER``, a shorter walk on a scan of
one's own (``dwi.nii.gz`` and a mask beside it), whose pictures go to ``--out``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import at_home
import comparing
import evidence
import fitting
import looking
import real
import taking
from guide import Guide, Stop

from napari_smi_inr.cli.headless import draw

IMAGES = Path(__file__).parents[1] / "images"

SAMPLE: list[Stop] = [
    fitting.open_the_sample,
    fitting.fit_it_and_look_closer_meanwhile,
    fitting.the_result,
    fitting.voxels_and_zoom,
    looking.zoom_in_thirty_times,
    looking.pan,
    looking.between_slices,
    looking.other_planes,
    fitting.another_fit_to_compare,
    looking.maps_at_once,
    looking.grid_of_maps,
    looking.beyond_the_mask,
    comparing.swipe,
    comparing.keys_of_the_line,
    comparing.flicker,
    comparing.side_by_side,
    evidence.glyphs,
    evidence.peaks,
    evidence.finer_than_the_voxels_by_hand,
    evidence.inspector_follows_the_mouse,
    evidence.inspector_pinned,
    at_home.on_a_laptop,
    at_home.light_theme,
    taking.copy_the_view,
    taking.freeze_to_a_layer,
    evidence.maps_and_glyphs_in_3d,
    at_home.menus,
    at_home.command_palette,
    at_home.preferences,
    taking.save_it_for_print,  # last, as napari then shows where to, in every picture
    taking.zoom_movie_into_it,
]


def main() -> int:
    """Walk, and give the exit code."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as files:
        if arguments.real is not None:
            guide = Guide(arguments.out, arguments.out)
            guide.shown |= {"folder": arguments.real, "field_file": arguments.field}
            guide.visit(real.STOPS)
        else:
            guide = Guide(arguments.out or IMAGES / "tour", Path(files))
            guide.shown["field_file"] = arguments.field
            guide.visit(
                [fitting.open_its_field if s is fitting.fit_it_and_look_closer_meanwhile else s for s in SAMPLE]
                if arguments.field
                else SAMPLE
            )
            if arguments.out is None:
                _figure()
        return guide.end()


def _figure() -> None:
    """The figure the demo leaves where there is no display."""
    import napari_smi_inr as smi

    scan = smi.simulate(lmax=4)
    draw(smi.fit(scan, lmax=4), scan, IMAGES / "comparison.png")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="walk on the scan in this folder")
    parser.add_argument("--field", type=Path, metavar="FILE", help="open this field of it, rather than fit it")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for pictures; needed with --real")
    arguments = parser.parse_args()
    if arguments.real is not None and arguments.out is None:
        parser.error("--real needs --out: pictures of a person's scan do not belong into the documentation.")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
