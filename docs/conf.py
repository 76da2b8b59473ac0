"""How the documentation is built: ``tox -e docs``."""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

import matplotlib as mpl

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # fits this small gain nothing from threads
mpl.use("agg")

project = "napari-smi-inr"
author = "The napari-smi-inr developers"
project_copyright = author
version = release = version_of(project)

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "from_the_program",
]
exclude_patterns = ["_build", "tour", "generated/*.md", "examples"]
smartquotes = False  # or the two dashes of an option become one
templates_path = ["_templates"]
python_maximum_signature_line_length = 88

myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": False}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False

copybutton_prompt_text = "$ "
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r".*\.py",
    "download_all_examples": False,
    "image_scrapers": ("matplotlib", "drawn.scrape"),
    "show_memory": False,
    "abort_on_example_error": True,
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "min_reported_time": 0,
}

html_theme = "furo"
html_title = "napari-smi-inr"
html_logo = "../src/napari_smi_inr/icon.png"
html_favicon = "../src/napari_smi_inr/icon.png"
html_static_path = []
html_theme_options = {
    "source_repository": "https://github.com/napari-smi-inr/napari-smi-inr/",
    "source_branch": "main",
    "source_directory": "docs/",
}
