"""A fit under way: its thread, its state, and what the buttons do."""
