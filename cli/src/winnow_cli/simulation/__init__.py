"""A day of made-up cameras through the real decision, in seconds."""
