"""The training stage: what a trained transformer translates, and its BLEU."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.corpus import words
from dropscape.data.prepared import load_examples
from dropscape.training.of_run import networks_of_run
from dropscape.training.translation import bleu, greedy_translations

SHOWN = 5


def translate_run(settings: Mapping[str, Any], model: str, data: str, outputs: Mapping[str, str]) -> None:
    """Translate the test sentences with every seed's network.

    Writes ``translations``: seed, bleu (of all test sentences, in percent), and of the first few sentences one row
    each: sentence (from 0), source, reference, translation.
    """
    examples = load_examples(data, settings["data"])
    described = examples.description
    sources = examples.test_inputs[:, : described["source_length"]]
    rows = []
    for seed, network in networks_of_run(settings, read_tensors(model)[0], examples):
        found = greedy_translations(network, sources, described["target_length"])
        score = bleu(found, examples.test_targets, described["target_vocabulary"])
        for sentence in range(min(SHOWN, len(found))):
            texts = {
                "source": words(sources[sentence], described["source_vocabulary"]),
                "reference": words(examples.test_targets[sentence], described["target_vocabulary"]),
                "translation": words(found[sentence], described["target_vocabulary"]),
            }
            rows.append(
                {"seed": seed, "bleu": score, "sentence": sentence}
                | {key: " ".join(text) for key, text in texts.items()}
            )
    write_table(outputs["translations"], pd.DataFrame(rows))
    write_json(outputs["provenance"], provenance("training", settings, described))
