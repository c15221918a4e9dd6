"""Other sounds made from what is at hand, where no recordings are available: they teach less than real ones."""

import numpy as np
from numpy.typing import NDArray

from underbudget.data import synthetic
from underbudget.data.identity import SPLITS
from underbudget.data.noise import coloured_noise
from underbudget.data.other_sounds import OtherSounds, Recording, collect
from underbudget.data.speech import Speech, split_clips
from underbudget.device.audio import RATE, to_int16

SOUNDS_SEED = 1
STRETCHES = {"train": 60, "validation": 15, "test": 15}  # recordings of each kind
PIECES = 40  # of clips in one recording of speech
PIECE_RANGE = RATE // 5, RATE // 2  # samples of a piece
NOISE_SECONDS = 20
SPOKEN = (  # the other words of Speech Commands, numbers left out
    *("backward", "bed", "bird", "cat", "dog", "follow", "forward", "happy", "house", "learn", "marvin", "off", "on"),
    *("sheila", "tree", "visual", "wow"),
)
SPOKEN_EACH = 30  # clips of each spoken word


def make_other_sounds(speech: Speech) -> OtherSounds:
    """Make other sounds from the clips of each split of `speech`, from noise, and from words that espeak-ng speaks.

    Speech-like sounds are pieces of clips, every second one reversed, end to end.
    """
    made = []
    for number, split in enumerate(SPLITS):
        rng = np.random.default_rng([SOUNDS_SEED, number])
        clips = np.flatnonzero(speech.split == number)
        for place in range(STRETCHES[split] if len(clips) else 0):
            pieces = [_piece(speech.audio[rng.choice(clips)], piece % 2 == 1, rng) for piece in range(PIECES)]
            made.append(Recording(np.concatenate(pieces), "speech", f"speech/{split}_{place:03}", split))
        for place in range(STRETCHES[split] // 5):
            made.append(Recording(_noise(rng), "noise", f"noise/{split}_{place:03}", split))
    spoken = synthetic.speak(SPOKEN, SPOKEN_EACH)
    split_of_name = zip(spoken, split_clips(list(spoken), None)[0], strict=True)
    made += [Recording(spoken[name], "words", name, SPLITS[split]) for name, split in split_of_name]
    description = "made from the training clips (reversed and spliced), noise, and words spoken by espeak-ng"
    return collect(made, "made", description, speech.identity.split)


def _piece(clip: NDArray[np.int16], reverse: bool, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return a random piece of a clip [16000]."""
    length = int(rng.integers(*PIECE_RANGE))
    start = int(rng.integers(len(clip) - length))
    piece = clip[start : start + length]
    return piece[::-1] if reverse else piece


def _noise(rng: np.random.Generator) -> NDArray[np.int16]:
    noise = coloured_noise(NOISE_SECONDS * RATE, rng) * 10 ** rng.uniform(-3, -1)
    return to_int16(noise)
