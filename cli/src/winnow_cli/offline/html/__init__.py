"""A selection as one HTML page that needs nothing else: the stream as a timeline, kept frames, what was rejected."""
