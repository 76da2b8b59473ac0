"""Physics: spherical harmonics, kernel, forward signal, noise."""
