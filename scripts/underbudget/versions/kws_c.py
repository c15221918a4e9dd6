"""kws_c: eight spoken words at an accuracy above 90 % in less than 45 kB, sound to word in less than 40 ms."""

from underbudget.device.artifact import SPOTTING
from underbudget.device.frontend import LogMel, Stft
from underbudget.metrics import Limit
from underbudget.recipes import QAT, Augmentation, Recipe, Version

VERSION = Version(
    name="kws_c",
    task=SPOTTING,
    limits=(Limit("accuracy_pct", 90), Limit("size_kb", 45), Limit("total_ms", 40)),
    recipes={
        "report": Recipe(
            architecture="ds_cnn",
            front_end=Stft(),  # less to compute than MFCC, and the front end takes most of the time
            width=0.52,  # 133 filters, to make up for the coarser features
            learning_rate=0.01,
            epochs=30,
            loss="cross_entropy",
            keep="best",
            quantise=True,
        ),
        "improved": Recipe(
            architecture="ds_tc_resnet",
            width=1.125,  # 72 filters: accuracy is what counts
            stem=(16, 24),  # along frequency as well: a stranger's word lies some bands higher or lower
            blocks=(2, 2, 2),
            front_end=LogMel(mel_bins=24),  # up to 7.6 kHz: "stop" and "yes" live above 4 kHz
            learning_rate=6e-3,
            epochs=200,
            loss="cross_entropy",
            batch_size=128,
            schedule="cosine",
            label_smoothing=0.1,
            dropout=0.1,
            augmentation=Augmentation(mixup=0.3),
            qat=QAT(step=0.3, epochs=25),  # size is no matter here
            quantise=True,
            deflate_layout=True,
        ),
    },
)
