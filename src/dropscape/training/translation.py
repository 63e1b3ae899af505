"""Translations by a trained transformer, word by word, and their BLEU."""

from collections.abc import Sequence

import sacrebleu
import torch
from torch import Tensor, nn

from dropscape.data.corpus import BOS, EOS, PAD, words


@torch.no_grad()
def greedy_translations(model: nn.Module, sources: Tensor, length: int, batch: int = 256) -> Tensor:
    """Append the most probable next word until the sentence ends or has ``length`` T words (no beam).

    Args:
        model: a ``Transformer`` in evaluation mode.
        sources: padded sentences (n, S) int64; ``batch`` of them are translated at a time.

    Returns:
        (n, T) int64: words, the end, then padding.
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
