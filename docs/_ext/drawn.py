"""Pictures of the package's own figures in examples: they are made without pyplot, where the gallery would look."""

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def scrape(block, block_vars, gallery_conf):
    """Show what a piece of an example leaves in the variable ``figure``."""
    drawn = block_vars["example_globals"].pop("figure", None)
    if not isinstance(drawn, Figure):
        return ""
    path = next(block_vars["image_path_iterator"])
    drawn.savefig(path, dpi=150)
    return figure_rst([path], gallery_conf["src_dir"])
