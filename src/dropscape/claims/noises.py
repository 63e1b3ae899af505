"""The statistic of claims on what kinds of noise do to flatness (paper C, section 6 and appendix D)."""

import numpy as np

from dropscape.claims.comparisons import over_seeds
from dropscape.claims.statistics import Measured, unmeasured
from dropscape.claims.tables import NotMeasured, Tables


def noise_flattening(tables: Tables, experiment: str, claim: str, method: str) -> Measured:
    """Trace of the Hessian at the end of training with a noise over that without any (paper C, appendix D).

    The geometric mean over the trials that both have, which share their starts. A trace that is not positive has no
    logarithm: its trial is left out and counted. Bounds: 95 % percentile bootstrap bounds over the trials.
    """
    table = tables.of_experiment("noises", experiment)
    trials = table["seed"].astype(str) + "/" + table["trial"].astype(str)
    traces = table.assign(trial=trials).pivot_table(index="trial", columns="method", values="trace", dropna=False)
    if not {method, "descent"} <= set(traces):
        raise NotMeasured(f"{experiment} has no trainings under {method} and without noise to compare")
    both = traces[[method, "descent"]]
    usable = both[np.isfinite(both).all(axis=1) & (both > 0).all(axis=1)]
    missing = len(both) - len(usable)
    if usable.empty:
        return unmeasured("no trial with two positive traces")
    note = f"mean trace {usable[method].mean():.3g} against {usable['descent'].mean():.3g} without noise"
    note += f"; {missing} of {len(both)} trials left out" if missing else ""
    logs = np.log(usable[method] / usable["descent"]).to_numpy()[:, None]
    return over_seeds(lambda rows: float(np.exp(rows.mean())), logs, claim, experiment, note)
