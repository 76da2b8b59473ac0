"""The experiments of arXiv 2506.15762 and its appendices, each from one command to one report."""
