"""A phantom whose truth is known at every point, and protocols to measure it with."""
