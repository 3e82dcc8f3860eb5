"""Selection without servers: a source's frames, judged by the selector's own code."""
