"""Greedy translation against a network whose next word is known, and BLEU at its ends."""

import pytest
import torch
from torch import nn

from dropscape.data.corpus import BOS, EOS, PAD
from dropscape.training.translation import bleu, greedy_translations

WORDS = ["<pad>", "<bos>", "<eos>", "<unk>", *"abcdefgh"]
LENGTH = 5


class Copying(nn.Module):
    """Says the source's words in order, then ends the sentence; reads three words of source."""

    def forward(self, tokens):
        source, before = tokens[:, :3], tokens[:, 3:]
        assert (before[:, 0] == BOS).all()
        padded = torch.cat([source, torch.full((len(source), LENGTH), PAD)], dim=1)
        following = padded[:, : before.shape[1]]
        return nn.functional.one_hot(torch.where(following == PAD, EOS, following), len(WORDS)).float()


def test_each_sentence_is_said_to_its_end_whatever_the_batch():
    sources = torch.tensor([[4, 5, 6], [7, PAD, PAD], [8, 9, PAD]])
    expected = torch.tensor([[4, 5, 6, EOS, PAD], [7, EOS, PAD, PAD, PAD], [8, 9, EOS, PAD, PAD]])
    for batch in (1, 2, 3):
        assert torch.equal(greedy_translations(Copying(), sources, LENGTH, batch), expected)


def test_a_sentence_that_does_not_end_is_cut():
    assert greedy_translations(Copying(), torch.tensor([[4, 5, 6]]), 2).tolist() == [[4, 5]]


def test_bleu_is_100_for_the_references_and_0_for_other_words():
    references = torch.tensor([[4, 5, 6, 7, 8, EOS], [8, 7, 6, 5, 4, EOS]])
    assert bleu(references, references, WORDS) == pytest.approx(100)
    assert bleu(torch.full_like(references, 11), references, WORDS) == 0
    half = references.clone()
    half[1] = 11
    assert 10 < bleu(half, references, WORDS) < 90
