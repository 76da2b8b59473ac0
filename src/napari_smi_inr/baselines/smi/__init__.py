"""SMI: polynomial regression from rotational invariants to Standard Model parameters (Coelho et al. 2022)."""
