"""A neural network that learns to read tissue off the signal from simulated examples (de Almeida Martins 2021)."""
