"""The training stage: what a trained transformer translates, and its BLEU."""

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.corpus import words
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.training.run_networks import load_networks
from dropscape.training.translation import bleu, greedy_translations

SHOWN = 5


def translate(job: Job) -> None:
    """Translate the test sentences with every seed's network.

    Writes ``translations``: seed, bleu (of all test sentences, in percent), and of the first few sentences one row
    each: sentence (from 0), source, reference, translation.
    """
    settings = job.settings
    examples = load_examples(job.inputs["data"], settings["data"])
    description = examples.description
    source_words, target_words = description["source_vocabulary"], description["target_vocabulary"]
    sources, references = examples.test_inputs[:, : description["source_length"]], examples.test_targets
    rows = []
    for seed, network in load_networks(settings, read_tensors(job.inputs["model"])[0], examples):
        found = greedy_translations(network, sources, description["target_length"])
        score = bleu(found, references, target_words)
        for sentence in range(min(SHOWN, len(found))):
            row = {"seed": seed, "bleu": score, "sentence": sentence}
            row["source"] = " ".join(words(sources[sentence], source_words))
            row["reference"] = " ".join(words(references[sentence], target_words))
            row["translation"] = " ".join(words(found[sentence], target_words))
            rows.append(row)
    write_table(job.outputs["translations"], pd.DataFrame(rows))
    job.provenance(description)
