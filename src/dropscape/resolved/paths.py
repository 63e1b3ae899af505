"""Where results lie."""

from dataclasses import dataclass

DRAWN = ("pdf", "png", "svg")  # the files of a drawing


@dataclass(frozen=True)
class ResultPaths:
    """Paths below a folder of results, such as ``results/quick``.

    Given wildcards such as ``{experiment}`` instead of names, they are the patterns of the rules.
    """

    results: str

    def run(self, experiment: str, run: str, folder: str, name: str, ending: str = "csv") -> str:
        """A file of a run."""
        return f"{self.results}/{folder}/{experiment}/{run}/{name}.{ending}"

    def experiment(self, experiment: str, folder: str, name: str, ending: str = "csv") -> str:
        """A file that an experiment has once."""
        return f"{self.results}/{folder}/{experiment}/{name}.{ending}"

    def dataset(self, dataset: str, ending: str) -> str:
        """A prepared dataset or its description."""
        return f"{self.results}/data/{dataset}.{ending}"

    def theory(self, study: str, table: str) -> str:
        """A table of a study's theory."""
        return f"{self.results}/theory/{study}/{table}.csv"

    def figure(self, figure: str, ending: str) -> str:
        """A file of a figure."""
        return f"{self.results}/figures/{figure}.{ending}"
