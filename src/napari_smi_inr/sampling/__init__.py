"""From a field to values at points: coordinates, requests and the one sampler."""
