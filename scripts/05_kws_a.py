"""kws_a: eight spoken words at an accuracy above 90 % in less than 25 kB."""

from device.artifact import SPOTTING
from device.frontend import Mfcc
from pipeline.cli import version_main
from pipeline.recipe import Constraint, Recipe, Version

VERSION = Version(
    name="kws_a",
    task=SPOTTING,
    constraints=(Constraint("accuracy_pct", 90), Constraint("size_kb", 25)),
    recipes={
        "report": Recipe(
            architecture="ds_cnn",  # the best of the unoptimised networks
            front_end=Mfcc(),  # more precise than STFT at the same size
            width=0.31,  # 79 filters
            learning_rate=1e-3,
            epochs=20,
            quantise=True,  # the size is the strictest constraint
        )
    },
)

if __name__ == "__main__":
    version_main(VERSION, __doc__)
