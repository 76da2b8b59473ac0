"""Stepping through a fitted cohort."""
