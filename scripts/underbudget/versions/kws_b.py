"""kws_b: eight spoken words at an accuracy above 90 % in less than 35 kB, an inference in less than 1.5 ms."""

from underbudget.device.artifact import SPOTTING
from underbudget.device.frontend import LogMel, Mfcc
from underbudget.metrics import Limit
from underbudget.recipes import QAT, Augmentation, Recipe, Version

VERSION = Version(
    name="kws_b",
    task=SPOTTING,
    limits=(Limit("accuracy_pct", 90), Limit("size_kb", 35), Limit("inference_ms", 1.5)),
    recipes={
        "report": Recipe(
            architecture="ds_cnn",
            front_end=Mfcc(),
            width=0.22,  # 56 filters: narrow instead of quantised, since quantised weights slow inference
            learning_rate=0.03,  # to reach 90 % in 20 epochs at this width
            epochs=20,
            loss="cross_entropy",
            keep="best",
        ),
        "improved": Recipe(
            architecture="ds_tc_resnet",
            width=0.625,  # 40 filters
            stem=(4, 8),  # along frequency as well: a stranger's word lies some bands higher or lower
            blocks=(3, 3),
            stride=2,  # half the frames after the stem: half the time
            front_end=LogMel(mel_bins=24),  # up to 7.6 kHz: "stop" and "yes" live above 4 kHz
            learning_rate=6e-3,
            epochs=300,
            loss="cross_entropy",
            batch_size=128,
            schedule="cosine",
            label_smoothing=0.1,
            augmentation=Augmentation(mixup=0.1),
            qat=QAT(step=0.35, epochs=25),  # size is no matter here
            quantise=True,
            deflate_layout=True,
        ),
    },
)
