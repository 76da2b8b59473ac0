"""What a voxel measured, beside what the fit makes of it."""
