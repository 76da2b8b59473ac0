"""The zoom layer: a field at the resolution of the screen."""
