"""kws_c: eight spoken words at an accuracy above 90 % in less than 45 kB, sound to word in less than 40 ms."""

from device.artifact import SPOTTING
from device.frontend import Stft
from pipeline.cli import version_main
from pipeline.recipe import Constraint, Recipe, Version

VERSION = Version(
    name="kws_c",
    task=SPOTTING,
    constraints=(Constraint("accuracy_pct", 90), Constraint("size_kb", 45), Constraint("total_ms", 40)),
    recipes={
        "report": Recipe(
            architecture="ds_cnn",
            front_end=Stft(),  # less to compute than MFCC, and the front end takes most of the time
            width=0.52,  # 133 filters, to make up for the coarser features
            learning_rate=0.01,
            epochs=30,
            quantise=True,
        )
    },
)

if __name__ == "__main__":
    version_main(VERSION, __doc__)
