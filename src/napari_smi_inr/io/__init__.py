"""Reading scans and gradients, writing maps."""
