import pytest
import torch

from dropscape.config.user import DATASETS
from dropscape.data.corpus import BOS, EOS, PAD, Pairs, corpus_from_text, words
from dropscape.data.dataset import Dataset
from dropscape.data.examples import image_examples, pair_examples
from dropscape.data.prepared import load_examples, write_prepared
from dropscape.errors import ConfigurationError, DataError

SETTINGS = {"train_examples": 5, "test_examples": 2}


def channels_of(name: str) -> dict:
    """As the data stage puts them into the description, and json gives them back."""
    return {"channels": [list(constants) for constants in DATASETS[name].channels]}


def images(name: str, *shape: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    return Dataset(
        name,
        torch.randint(0, 256, (6, *shape), generator=generator, dtype=torch.uint8),
        torch.arange(6) % 3,
        torch.randint(0, 256, (3, *shape), generator=generator, dtype=torch.uint8),
        torch.arange(3),
        {"source": "directory", "origin": "a folder", "classes": 3, "label": f"{name}, a few"} | channels_of(name),
    )


class TestImages:
    @pytest.mark.parametrize("settings", [{}, {"normalisation": "unit"}, {"normalisation": None}])
    def test_grey_images_are_rows_divided_by_255(self, settings):
        dataset = images("mnist", 28, 28)
        examples = image_examples(dataset, SETTINGS | settings)
        assert examples.train_inputs.dtype == torch.float32
        assert torch.equal(examples.train_inputs, dataset.train_images[:5].reshape(5, 784).float() / 255)
        assert torch.equal(examples.test_inputs, dataset.test_images[:2].reshape(2, 784).float() / 255)
        assert examples.train_targets.tolist() == [0, 1, 2, 0, 1] and examples.test_targets.tolist() == [0, 1]
        assert examples.description == dataset.description

    @pytest.mark.parametrize("name", ["cifar10", "cifar100"])
    @pytest.mark.parametrize("settings", [{}, {"normalisation": "channel"}])
    def test_colour_images_keep_their_shape_and_are_normalised_by_channel(self, name, settings):
        dataset = images(name, 3, 32, 32)
        examples = image_examples(dataset, SETTINGS | settings)
        assert examples.train_inputs.shape == (5, 3, 32, 32) and examples.train_inputs.dtype == torch.float32
        mean, deviation = DATASETS[name].channels
        for channel in range(3):
            expected = (dataset.train_images[:5, channel].double() / 255 - mean[channel]) / deviation[channel]
            torch.testing.assert_close(examples.train_inputs[:, channel].double(), expected, rtol=1e-5, atol=1e-6)

    def test_colour_images_by_unit(self):
        dataset = images("cifar10", 3, 32, 32)
        examples = image_examples(dataset, SETTINGS | {"normalisation": "unit"})
        assert torch.equal(examples.test_inputs, dataset.test_images[:2].float() / 255)

    def test_classes_are_encoded_one_hot_where_the_loss_needs_values(self):
        examples = image_examples(images("mnist", 4, 4), SETTINGS | {"one_hot": True})
        assert examples.train_targets.dtype == torch.float32
        assert examples.train_targets.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]
        assert examples.test_targets.tolist() == [[1, 0, 0], [0, 1, 0]]
        assert image_examples(images("mnist", 4, 4), SETTINGS | {"one_hot": False}).test_targets.tolist() == [0, 1]

    def test_the_constants_are_those_of_the_real_images(self, real_cifar10):
        from dropscape.data import cifar

        pixels = cifar.CIFAR10.directory(str(real_cifar10)).train_images[:10_000].double() / 255
        mean, deviation = (torch.tensor(constants).double() for constants in DATASETS["cifar10"].channels)
        # A fifth of the images, re-encoded at worst: far closer than any other published triple.
        torch.testing.assert_close(pixels.mean(dim=(0, 2, 3)), mean, rtol=0, atol=0.005)
        torch.testing.assert_close(pixels.std(dim=(0, 2, 3)), deviation, rtol=0, atol=0.005)

    def test_an_unknown_normalisation(self):
        with pytest.raises(ConfigurationError, match=r"`normalisation` in .* is 'batch'; write one of: unit, channel"):
            image_examples(images("mnist", 2, 2), SETTINGS | {"normalisation": "batch"})

    def test_too_few(self):
        with pytest.raises(DataError, match=r"asks for 7 train examples .*has 6 \(`source: directory`; cifar10, a few"):
            image_examples(images("cifar10", 3, 2, 2), SETTINGS | {"train_examples": 7})


@pytest.fixture
def corpus():
    english = ["A dog runs.", "A dog sits here now.", "A man sits.", "A man runs.", "The dog runs here."]
    german = ["Ein Hund läuft.", "Ein Hund sitzt jetzt hier.", "Ein Mann sitzt.", "Ein Mann läuft.", "Der Hund läuft."]
    test = Pairs(["A dog sits.", "The man runs."], ["Ein Hund sitzt und sitzt und sitzt.", "Der Mann läuft."])
    return corpus_from_text("multi30k", Pairs(english, german), test, {"source": "directory", "label": "a few"})


class TestPairs:
    def test_one_row_is_the_sentence_and_what_the_decoder_is_given(self, corpus):
        examples = pair_examples(corpus, SETTINGS | {"min_frequency": 1})
        source_length, target_length = examples.description["source_length"], examples.description["target_length"]
        # The longest sentences with their ends: five words and a stop, and the test split's seven and a stop.
        assert (source_length, target_length) == (7, 9)
        assert examples.train_inputs.shape == (5, 16) and examples.train_targets.shape == (5, 9)
        assert examples.test_inputs.shape == (2, 16) and examples.test_targets.shape == (2, 9)
        assert examples.train_inputs.dtype == examples.train_targets.dtype == torch.int64
        english = {word: number for number, word in enumerate(examples.description["source_vocabulary"])}
        german = {word: number for number, word in enumerate(examples.description["target_vocabulary"])}
        row = [english[word] for word in ("a", "dog", "runs", ".")] + [EOS, PAD, PAD]
        translation = [german[word] for word in ("ein", "hund", "läuft", ".")]
        assert examples.train_inputs[0].tolist() == [*row, BOS, *translation, PAD, PAD, PAD, PAD]
        assert examples.train_targets[0].tolist() == [*translation, EOS, PAD, PAD, PAD, PAD]

    def test_each_target_follows_what_the_decoder_is_given(self, corpus):
        examples = pair_examples(corpus, SETTINGS)
        start = examples.description["source_length"]
        for split in ("train", "test"):
            given, targets = getattr(examples, f"{split}_inputs")[:, start:], getattr(examples, f"{split}_targets")
            assert (given[:, 0] == BOS).all()
            shifted, following = given[:, 1:], targets[:, :-1]
            assert torch.equal(shifted, torch.where(following == EOS, PAD, following))
            assert ((targets == EOS).sum(dim=1) == 1).all()
            assert (((getattr(examples, f"{split}_inputs")[:, :start]) == EOS).sum(dim=1) == 1).all()

    def test_ids_are_below_the_sizes_of_the_vocabularies(self, corpus):
        examples = pair_examples(corpus, SETTINGS)
        start = examples.description["source_length"]
        inputs = torch.cat([examples.train_inputs, examples.test_inputs])
        assert inputs[:, :start].max() < len(examples.description["source_vocabulary"])
        assert inputs[:, start:].max() < len(examples.description["target_vocabulary"])
        assert examples.train_targets.max() < len(examples.description["target_vocabulary"])

    def test_a_word_that_occurs_once_is_unknown_by_default(self, corpus):
        examples = pair_examples(corpus, SETTINGS)
        vocabulary = examples.description["source_vocabulary"]
        assert "now" not in vocabulary and "here" in vocabulary
        assert words(examples.train_inputs[1], vocabulary) == ["a", "dog", "sits", "here", "<unk>", "."]
        assert vocabulary[4:] == [".", "a", "dog", "runs", "here", "man", "sits"]

    def test_sentences_are_cut(self, corpus):
        examples = pair_examples(corpus, SETTINGS | {"max_tokens": 2, "min_frequency": 1})
        assert examples.description["source_length"] == examples.description["target_length"] == 3
        vocabulary = examples.description["target_vocabulary"]
        assert [words(row, vocabulary) for row in examples.train_targets] == [
            ["ein", "hund"], ["ein", "hund"], ["ein", "mann"], ["ein", "mann"], ["der", "hund"],
        ]  # fmt: skip
        assert (examples.train_targets[:, 2] == EOS).all()

    def test_zero_is_not_taken_for_left_out(self, corpus):
        with pytest.raises(ConfigurationError, match=r"`max_tokens`"):
            pair_examples(corpus, SETTINGS | {"max_tokens": 0})


@pytest.mark.parametrize("kind", ["images", "pairs"])
def test_what_is_written_gives_the_same_examples(kind, corpus, tmp_path):
    dataset = images("cifar10", 3, 32, 32) if kind == "images" else corpus
    expected = (image_examples if kind == "images" else pair_examples)(dataset, SETTINGS)
    write_prepared(tmp_path / "data.safetensors", tmp_path / "data.json", dataset)
    found = load_examples(tmp_path / "data.safetensors", SETTINGS)
    for name in ("train_inputs", "train_targets", "test_inputs", "test_targets"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert found.description == expected.description
