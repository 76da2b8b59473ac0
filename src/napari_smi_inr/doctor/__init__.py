"""What this machine can do, what stands in its way, and what to do about it."""
