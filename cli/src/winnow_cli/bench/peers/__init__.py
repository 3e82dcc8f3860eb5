"""Other tools on the same images: how fast and how well, each in an environment of its own."""
