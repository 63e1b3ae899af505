"""Translations by a trained transformer, word by word, and their BLEU."""

from collections.abc import Sequence

import sacrebleu
import torch
from torch import Tensor, nn

from dropscape.data.corpus import BOS, EOS, PAD, words


@torch.no_grad()
def greedy_translations(model: nn.Module, sources: Tensor, length: int, batch: int = 256) -> Tensor:
    """The most probable next word after the words so far, until the sentence ends (no beam).

    Args:
        model: a ``Transformer`` in evaluation mode.
        sources: padded sentences (n, S) int64.
        length: T, after which a sentence is cut.
        batch: sentences translated at a time.

    Returns:
        (n, T) int64: words, the end, then padding.
    """
    return torch.cat([_translated(model, part, length) for part in sources.split(batch)])


def _translated(model: nn.Module, sources: Tensor, length: int) -> Tensor:
    found = torch.full((len(sources), length + 1), PAD, device=sources.device)
    found[:, 0] = BOS
    going = torch.ones(len(sources), dtype=torch.bool, device=sources.device)
    for place in range(1, length + 1):
        logits = model(torch.cat([sources[going], found[going, :place]], dim=1))[:, -1]
        found[going, place] = logits.argmax(dim=1)
        going = going & (found[:, place] != EOS)
        if not bool(going.any()):
            break
    return found[:, 1:]


def bleu(translations: Tensor, references: Tensor, vocabulary: Sequence[str]) -> float:
    """Corpus BLEU in percent (Papineni et al., 2002), by sacrebleu, on the words of our own cutting.

    Words are lower case and the rare ones unknown, in the references too, so it is comparable between our networks and
    not with published BLEU. The paper gives the accuracy of single words only.

    Args:
        translations, references: (n, T) int64 ids.
        vocabulary: the word of each id.
    """
    found, given = ([" ".join(words(row, vocabulary)) for row in rows] for rows in (translations, references))
    return sacrebleu.corpus_bleu(found, [given], tokenize="none", force=True).score
