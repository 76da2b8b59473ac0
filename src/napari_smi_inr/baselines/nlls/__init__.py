"""Nonlinear least squares, voxel by voxel, with the FOD solved for in closed form."""
