"""What an artifact records about how it was made."""

import json

import torch

from dropscape.artifacts.provenance import NUMERIC, provenance


def test_record_holds_what_made_the_artifact():
    record = provenance("training", {"keep_prob": 0.8, "seeds": [0, 1]}, {"source": "embedded"}, "cuda")
    assert record["stage"] == "training"
    assert record["parameters"] == {"keep_prob": 0.8, "seeds": [0, 1]}
    assert record["data"] == {"source": "embedded"}
    assert record["device"] == "cuda"
    assert record["threads"] == torch.get_num_threads()
    assert record["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert set(record["versions"]) == {"python", "dropscape", *NUMERIC}
    assert provenance("theory", {})["data"] is None


def test_a_gpu_is_recorded_with_its_driver_and_libraries_and_the_processor_has_none(gpu):
    assert provenance("training", {}, device="cuda")["versions"].items() >= gpu.items()
    assert provenance("training", {}, device="cpu")["versions"].keys() == {"python", "dropscape", *NUMERIC}


def test_the_same_work_gives_the_same_json():
    records = [json.dumps(provenance("noise", {"a": 1}, {"b": 2}), allow_nan=False) for _ in range(2)]
    assert records[0] == records[1]


def test_the_record_keeps_no_hold_on_its_arguments():
    parameters = {"a": 1}
    record = provenance("noise", parameters)
    parameters["a"] = 2
    assert record["parameters"] == {"a": 1}
