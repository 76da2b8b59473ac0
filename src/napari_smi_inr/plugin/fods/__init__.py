"""FODs above the maps: glyphs and peaks of what is in view."""
