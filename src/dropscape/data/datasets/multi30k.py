"""Multi30k, English to German (Elliott et al., 2016)."""

from typing import ClassVar

from dropscape.data.kind import ReleasedDataset


class Multi30k(ReleasedDataset):
    """Multi30k, English to German (Elliott et al., 2016)."""

    title = "Multi30k"
    sizes: ClassVar = {"official": (29_000, 1_000), "embedded": (4_000, 500)}
    has_pairs = True
    example_bytes = 250

    @classmethod
    def release(cls):
        """Import the release."""
        from dropscape.data.multi30k import MULTI30K

        return MULTI30K

    @staticmethod
    def embedded():
        """Generate captions."""
        from dropscape.data import captions

        return captions.embedded()
