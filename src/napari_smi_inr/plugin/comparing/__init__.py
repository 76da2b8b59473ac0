"""Two maps of one view: swipe, side by side, flicker."""
