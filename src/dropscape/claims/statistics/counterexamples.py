"""How many random networks contradict a theorem (paper A, Proposition 1; paper B, Theorems 1 and 2)."""

from dropscape.claims.measured import Measured, counted, unmeasured
from dropscape.claims.statistic import Tables, TheoryStatistic


class Counterexamples(TheoryStatistic):
    """How many of the rows contradict a statement: one is enough against `always`."""

    def measure(self, tables: Tables) -> Measured:
        """Count them; rows that were not judged are left out. The note has the first one where the table tells it."""
        rows = self.rows(tables).dropna(subset=self.column)
        against = rows[rows[self.column].astype(str) != "True"]
        if rows.empty:
            return unmeasured("no defined point")
        first = f": {against['function'].iloc[0]}" if "function" in rows and len(against) else ""
        return counted(len(against), len(rows), f"{len(against)} of {len(rows)}{first}", "case", len(against) > 0)
