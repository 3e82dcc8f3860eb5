"""Sets of frames with known truth, made by seed; each is an iterator of JPEGs and what they are."""
