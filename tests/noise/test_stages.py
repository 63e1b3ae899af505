"""The spectrum's and the projection's stage on samples with a known covariance and a known drift."""

import numpy as np
import pytest
import torch

from dropscape.artifacts.files import read_table
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.noise.drift import detrended, drift
from dropscape.noise.projection_stage import project_samples
from dropscape.noise.spectrum_stage import measure_spectrum
from tests.stage_job import run_stage

SEEDS, SIZE = (3, 4), 6
GENERATOR = np.random.default_rng(0)
SCALES = np.logspace(0, -1, SIZE)
GRADIENTS, OTHERS = (GENERATOR.standard_normal((2, count, SIZE)) * SCALES for count in (12, 4000))
LINE = np.linspace(0, 50, 40)[:, None] * np.eye(SIZE)[-1]
TRAJECTORY = GENERATOR.standard_normal((2, 40, SIZE)) * SCALES + LINE
OBJECTIVES = 1 + 0.01 * GENERATOR.standard_normal((2, 40))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    vectors, _ = np.linalg.qr(GENERATOR.standard_normal((2, SIZE, SIZE)))
    files = {
        "gradients": {"gradients": GRADIENTS, "held_out": OTHERS},
        "trajectory": {"trajectory": TRAJECTORY, "objectives": OBJECTIVES},
        "hessian": {"eigenvalues": np.ones((2, SIZE)), "eigenvectors": vectors},
    }
    for name, tensors in files.items():
        tensors = {key: torch.from_numpy(value).contiguous() for key, value in tensors.items()}
        write_tensors(folder / name, tensors, {"data": {"dataset": "made here"}})
    return {name: str(folder / name) for name in files}


def made(stage, rule, settings, inputs, folder, outputs):
    paths = {name: str(folder / name) for name in outputs}
    run_stage(stage, rule, {"seeds": SEEDS, "samples": ["trajectory", "gradients"]} | settings, inputs, paths)
    return paths


@pytest.fixture(scope="module")
def spectrum(inputs, tmp_path_factory):
    outputs = ["spectrum", "drift", "directions"]
    folder = tmp_path_factory.mktemp("spectrum")
    return made(measure_spectrum, "noise_spectrum", {"directions": 3}, inputs, folder, outputs)


def rows_of(table, **values):
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def test_held_out_variances_are_those_of_the_other_gradients_along_the_same_directions(spectrum):
    table, directions = read_table(spectrum["spectrum"]), read_tensors(spectrum["directions"])[0]
    for position, seed in enumerate(SEEDS):
        rows = rows_of(table, sample="gradients", seed=seed).set_index("index")
        along = directions["gradients/directions"][position].double().numpy()
        chosen = directions["gradients/indices"].numpy()
        np.testing.assert_allclose(
            rows.loc[chosen, "held_out"], np.var(OTHERS[position] @ along.T, axis=0, ddof=1), rtol=1e-5
        )
        truth = (SCALES**2 * along**2).sum(axis=1)
        assert rows.loc[chosen, "held_out"].to_numpy() == pytest.approx(truth, rel=0.1)
        assert rows.loc[1, "variance"] > 1.1 * rows.loc[1, "held_out"]  # 12 samples choose and measure


def test_a_drifting_trajectory_has_its_drift_in_the_first_direction_until_it_is_removed(spectrum):
    table, directions = read_table(spectrum["spectrum"]), read_tensors(spectrum["directions"])[0]
    first = {name: directions[f"{name}/directions"][0, 0].abs() for name in ("trajectory", "trajectory_quadratic")}
    assert first["trajectory"][-1] > 0.99 and first["trajectory_quadratic"][-1] < 0.5
    variances = rows_of(table, seed=SEEDS[0], index=1).set_index("sample")["variance"]
    assert variances["trajectory"] > 100 * variances["trajectory_quadratic"]
    assert rows_of(table, sample="trajectory_quadratic")["held_out"].isna().all()


def test_halves_of_a_trajectory_choose_directions_and_measure_variances_apart(spectrum):
    table, directions = read_table(spectrum["spectrum"]), read_tensors(spectrum["directions"])[0]
    along = directions["trajectory_halves/directions"][0].double().numpy()
    rows = rows_of(table, sample="trajectory_halves", seed=SEEDS[0]).set_index("index")
    rows = rows.loc[directions["trajectory_halves/indices"].numpy()]
    for column, half, correction in (("variance", TRAJECTORY[0, :20], 0), ("held_out", TRAJECTORY[0, 20:], 1)):
        expected = np.var(detrended(half, 2) @ along.T, axis=0, ddof=correction)
        np.testing.assert_allclose(rows[column], expected, rtol=1e-5)


def test_the_table_of_drift_is_that_of_each_seed(spectrum):
    table = read_table(spectrum["drift"])
    for position, seed in enumerate(SEEDS):
        expected = drift(TRAJECTORY[position], OBJECTIVES[position])
        found = table.set_index("seed").loc[seed]
        assert found["linear_share"] == pytest.approx(expected["linear_share"]) and found["linear_share"] > 0.9
        assert not found["stationary"]


def test_the_last_samples_are_projected(inputs, tmp_path):
    outputs = ["projection", "projection_drift"]
    paths = made(project_samples, "noise_projection", {"projected": 10}, inputs, tmp_path, outputs)
    table, vectors = read_table(paths["projection"]), read_tensors(inputs["hessian"])[0]["eigenvectors"].numpy()
    samples = {"gradients": GRADIENTS[1, -10:], "trajectory": TRAJECTORY[1, -10:]}
    samples["trajectory_quadratic"] = detrended(samples["trajectory"], 2)
    assert set(table["sample"]) == set(samples)
    for name, values in samples.items():
        found = rows_of(table, sample=name, seed=SEEDS[1])["variance"]
        np.testing.assert_allclose(found, np.var(values @ vectors[1].T, axis=0), rtol=1e-9)
    shares = read_table(paths["projection_drift"]).set_index("seed")["linear_share"]
    assert shares[SEEDS[0]] == pytest.approx(drift(TRAJECTORY[0, -10:], OBJECTIVES[0, -10:])["linear_share"])


def test_without_a_trajectory_there_is_no_drift(inputs, tmp_path):
    settings, outputs = {"directions": 3, "samples": ["gradients"]}, ["spectrum", "drift", "directions"]
    paths = made(measure_spectrum, "noise_spectrum", settings, inputs, tmp_path, outputs)
    assert read_table(paths["drift"]).empty
