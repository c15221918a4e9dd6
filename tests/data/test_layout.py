"""What folders of recordings mean, in the layouts in which people keep them and data sets come."""

import unicodedata

import pytest

from underbudget.data.layout import NOISE, plain_name, read_layout
from underbudget.data.speech import OTHER

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("path", "split", "word", "speaker"),
    [
        # in each list the first path is asked for, the others lie beside it
        ("computer/1.wav jarvis/1.wav", "", "computer", ""),
        ("my_words/computer/1.wav my_words/jarvis/1.wav", "", "computer", ""),
        ("en/clips/computer/1.opus en/clips/jarvis/1.opus", "", "computer", ""),
        ("computer/anna/1.wav computer/ben/1.wav jarvis/anna/1.wav", "", "computer", "anna"),
        ("computer/anna/1.wav computer/2.wav jarvis/1.wav", "", "computer", "anna"),
        ("computer/anna/monday/1.wav jarvis/ben/monday/1.wav", "", "computer", "anna"),
        ("computer/p225/1.wav jarvis/p225/1.wav", "", "computer", "p225"),
        ("speaker_1/computer/1.wav speaker_2/computer/1.wav speaker_1/jarvis/1.wav", "", "computer", "speaker_1"),
        ("anna/computer/computer_1.wav ben/jarvis/jarvis_1.wav", "", "computer", "anna"),
        ("anna/computer/computer_1.wav anna/_background_noise_/1.wav ben/jarvis/jarvis_1.wav", "", "computer", "anna"),
        ("computer/computer_1.wav", "", "computer", ""),
        ("computer/anna/computer_1.wav computer/ben/computer_1.wav", "", "computer", "anna"),
        ("computer/spk1/1.wav computer/spk2/1.wav", "", "computer", "spk1"),
        ("computer/anna/1.wav computer/ben/1.wav _other_/1.wav", "", "computer", "anna"),
        # splits
        ("train/computer/1.wav test/computer/1.wav", "train", "computer", ""),
        ("x/Training/computer/1.wav x/Testing/computer/1.wav", "train", "computer", ""),
        ("val/computer/1.wav train/computer/1.wav", "validation", "computer", ""),
        ("valid/computer/1.wav train/computer/1.wav", "validation", "computer", ""),
        ("dev/computer/1.wav train/computer/1.wav eval/computer/1.wav", "validation", "computer", ""),
        ("test/computer/anna/1.wav train/computer/ben/1.wav train/jarvis/ben/1.wav", "test", "computer", "anna"),
        ("computer/test/1.wav computer/train/1.wav jarvis/train/1.wav", "test", "computer", ""),
        ("train/clips/computer/1.wav test/clips/jarvis/1.wav", "train", "computer", ""),
        ("train/computer/1.wav test/computer/1.wav _background_noise_/1.wav", "train", "computer", ""),
        ("test/wake-word/1.wav wake-word/1.wav not-wake-word/1.wav test/not-wake-word/1.wav", "test", "wake-word", ""),
        ("test/not-wake-word/1.wav wake-word/1.wav test/wake-word/1.wav", "test", OTHER, ""),
        ("_other_/train/1.wav computer/1.wav", "train", OTHER, ""),
        ("train/[computer]1.wav test/[computer]2.wav", "train", "", ""),  # no word
        ("test/1.wav computer/1.wav", "", "test", ""),  # a word that is called so
        ("test/anna/1.wav computer/anna/1.wav", "", "test", "anna"),
        # what is no word
        ("_other_/speech/1.wav computer/1.wav", "", OTHER, ""),
        ("Unknown/1.wav computer/1.wav", "", OTHER, ""),
        ("negative/1.wav computer/1.wav", "", OTHER, ""),
        ("not-wake-word/generated/1.wav computer/1.wav", "", OTHER, ""),
        ("train/not_wake_word/1.wav train/computer/1.wav test/computer/1.wav", "train", OTHER, ""),
        ("_background_noise_/kitchen/1.wav computer/1.wav", "", NOISE, ""),
        ("Background/1.wav computer/1.wav", "", NOISE, ""),
        ("_silence_/1.wav computer/1.wav", "", NOISE, ""),
        ("computer/noise/1.wav computer/clean/1.wav jarvis/noise/1.wav", "", "computer", "noise"),  # in noise
        # spellings
        (f"{DECOMPOSED}/1.wav {COMPOSED}/2.wav {COMPOSED}/3.wav", "", COMPOSED, ""),
        ("Computer/1.wav computer/2.wav computer/3.wav", "", "computer", ""),
        ("compu\u200bter\ufeff/1.wav computer/2.wav", "", "computer", ""),
        ("\u0645\u06cc\u200c\u062e/1.wav no/2.wav", "", "\u0645\u06cc\u200c\u062e", ""),
    ],
)
def test_what_folders_mean(path: str, split: str, word: str, speaker: str) -> None:
    found = read_layout(path.split(" "))[0]
    assert (found.split, found.word, found.speaker) == (split, word, speaker)


@pytest.mark.parametrize(
    ("name", "label"),
    [(" smart  mirror ", "smart mirror"), ("bonjour\u00a0monde", "bonjour monde"), ("\u202eevil\u202c", "evil")],
)
def test_names_become_labels_that_can_be_seen(name: str, label: str) -> None:
    assert plain_name(name) == label
