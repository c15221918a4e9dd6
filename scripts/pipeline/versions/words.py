"""words: a spotter of the user's own words, trained on few clips in minutes."""

from device.artifact import SPOTTING
from device.frontend import Mfcc
from pipeline.recipe import QAT, Augmentation, Recipe, Version

NAME = "words"
SAMPLES = 200_000  # augmented clips to train on: more take minutes, and memory
STEPS = 2000  # of training, about: so few clips are seen often
MOST_EPOCHS, LEAST_EPOCHS = 150, 30
MOST_COPIES, LEAST_COPIES = 24, 4


def words_version(clips: int) -> Version:
    """Return the version for a number of training clips: fewer copies and epochs the more there are."""
    other = 0.5  # few clips of words: other sounds are had for nothing
    samples = round(clips / (1 - other))
    batch = 64
    recipe = Recipe(
        architecture="ds_tc_resnet",
        width=0.625,  # 40 filters
        blocks=(2, 2, 2),  # without a stem, whose training takes XLA some two minutes to compile
        front_end=Mfcc(high=7600, coefficients=16, lifter=30),
        learning_rate=6e-3,
        epochs=_between(LEAST_EPOCHS, STEPS * batch // samples, MOST_EPOCHS),
        loss="cross_entropy",
        batch_size=batch,
        schedule="cosine",
        label_smoothing=0.1,
        augmentation=Augmentation(
            copies=_between(LEAST_COPIES, SAMPLES // samples, MOST_COPIES), mixup=0.2, shift_s=0.2
        ),
        other=other,
        qat=QAT(step=0.5, epochs=_between(LEAST_EPOCHS // 5, STEPS * batch // samples // 5, MOST_EPOCHS // 5)),
        quantise=True,
        deflate_layout=True,
    )
    return Version(NAME, SPOTTING, (), {NAME: recipe})


def _between(least: int, value: int, most: int) -> int:
    return min(max(least, value), most)
