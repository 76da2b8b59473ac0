"""The napari side: reader, writers, dock widget and zoom layer."""
