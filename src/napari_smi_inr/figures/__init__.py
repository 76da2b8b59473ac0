"""Figures for papers, reports and the demo; matplotlib loads when one is drawn."""

from .bars import draw_bars
from .canvas import require_matplotlib, save_figure
from .comparison import Comparison, Panel, compare_interpolation, compare_planes
from .curves import draw_curves
from .densities import draw_densities
from .fod_grid import FodGrid, sample_fods
from .fods import draw_fods
from .maps import draw_maps
from .planes import VoxelBox
from .style import method_title
from .zoom_panels import draw_comparison, draw_zoom_panels

__all__ = [
    "Comparison",
    "FodGrid",
    "Panel",
    "VoxelBox",
    "compare_interpolation",
    "compare_planes",
    "draw_bars",
    "draw_comparison",
    "draw_curves",
    "draw_densities",
    "draw_fods",
    "draw_maps",
    "draw_zoom_panels",
    "method_title",
    "require_matplotlib",
    "sample_fods",
    "save_figure",
]
