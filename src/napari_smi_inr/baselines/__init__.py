"""Voxel-wise estimators of the Standard Model, which the INR is measured against."""
