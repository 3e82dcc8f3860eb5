"""Cameras and policies as people set them: checked before they are written, read as the selector reads them."""
