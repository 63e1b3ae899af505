"""Translations by a trained transformer, word by word, and their BLEU."""

from collections.abc import Sequence

import pandas as pd
import sacrebleu
import torch
from torch import Tensor, nn

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.corpus import BOS, EOS, PAD, words
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.numerics.devices import chosen_device
from dropscape.training.run_networks import load_networks

SHOWN = 5


def translate(job: Job) -> None:
    """Translate the test sentences with every seed's network.

    Writes ``translations``: seed, bleu (of all test sentences, in percent), and of the first few sentences one row
    each: sentence (from 0), source, reference, translation.
    """
    settings = job.settings
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
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
    job.provenance(description, device)


@torch.no_grad()
def greedy_translations(model: nn.Module, sources: Tensor, length: int, batch: int = 256) -> Tensor:
    """Append the most probable next word until the sentence ends or has ``length`` T words (no beam).

    ``model`` is a ``Transformer`` in evaluation mode; ``sources`` are padded sentences (n, S) int64, ``batch`` of which
    are translated at a time. The result is (n, T) int64: words, the end, then padding.
    """
    return torch.cat([_translated(model, chunk, length) for chunk in sources.split(batch)])


def _translated(model: nn.Module, sources: Tensor, length: int) -> Tensor:
    found = torch.full((len(sources), length + 1), PAD, device=sources.device)
    found[:, 0] = BOS
    unfinished = torch.ones(len(sources), dtype=torch.bool, device=sources.device)
    for position in range(1, length + 1):
        logits = model(torch.cat([sources[unfinished], found[unfinished, :position]], dim=1))[:, -1]
        found[unfinished, position] = logits.argmax(dim=1)
        unfinished = unfinished & (found[:, position] != EOS)
        if not bool(unfinished.any()):
            break
    return found[:, 1:]


def bleu(translations: Tensor, references: Tensor, vocabulary: Sequence[str]) -> float:
    """Compute corpus BLEU in percent (Papineni et al., 2002), by sacrebleu, on the words of ``data.corpus``.

    Words are lower case and the rare ones unknown, in the references too, so it is comparable between our networks and
    not with published BLEU. The paper gives the accuracy of single words only. Both sentences are (n, T) int64 ids.
    """
    found, given = ([" ".join(words(row, vocabulary)) for row in rows] for rows in (translations, references))
    return sacrebleu.corpus_bleu(found, [given], tokenize="none", force=True).score
