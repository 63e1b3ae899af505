"""How many random networks contradict a theorem (paper A, Proposition 1; paper B, Theorems 1 and 2)."""

from dropscape.claims.measured import Measured, counted, unmeasured
from dropscape.claims.statistic import Tables, TheoryStatistic


class Counterexamples(TheoryStatistic):
    """How many of the rows contradict a statement: one is enough against `always`."""

    def measure(self, tables: Tables) -> Measured:
        """Count them; rows that were not judged are left out."""
        values = self.rows(tables)[self.column].dropna().astype(str) == "True"
        count, total = int((~values).sum()), len(values)
        return counted(count, total, f"{count} of {total}", "case") if total else unmeasured("no defined point")
