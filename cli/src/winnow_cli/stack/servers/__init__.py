"""The four servers: how each is prepared, set up and started."""
