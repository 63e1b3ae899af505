"""A run as one file for an archive: what was run, on what, with what, and what came out."""
