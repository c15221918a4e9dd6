"""kws_a: eight spoken words at an accuracy above 90 % in less than 25 kB."""

from underbudget.device.artifact import SPOTTING
from underbudget.device.frontend import LogMel, Mfcc
from underbudget.metrics import Limit
from underbudget.recipes import QAT, Augmentation, Recipe, Version

VERSION = Version(
    name="kws_a",
    task=SPOTTING,
    limits=(Limit("accuracy_pct", 90), Limit("size_kb", 25)),
    recipes={
        "report": Recipe(
            architecture="ds_cnn",  # the best of the unoptimised networks
            front_end=Mfcc(),  # more precise than STFT at the same size
            width=0.31,  # 79 filters
            learning_rate=1e-3,
            epochs=20,
            loss="cross_entropy",
            keep="best",
            quantise=True,  # the size is the strictest limit
        ),
        "improved": Recipe(
            architecture="ds_tc_resnet",
            width=0.625,  # 40 filters
            stem=(8, 12),  # along frequency as well: a stranger's word lies some bands higher or lower
            blocks=(2, 2, 2),
            front_end=LogMel(mel_bins=24),  # up to 7.6 kHz: "stop" and "yes" live above 4 kHz
            learning_rate=6e-3,
            epochs=150,
            loss="cross_entropy",
            batch_size=128,
            schedule="cosine",
            label_smoothing=0.1,
            augmentation=Augmentation(mixup=0.2),
            qat=QAT(step=0.5, epochs=30),  # some 3 bits a weight
            quantise=True,
            deflate_layout=True,
        ),
        "smallest": Recipe(  # what fits in 2,000 bytes
            architecture="ds_tc_resnet",
            width=0.3125,  # 20 filters
            stem=(4, 8),
            blocks=(1, 1),  # a block costs 60 bytes of structure, whatever its width: wide is cheaper than deep
            front_end=LogMel(mel_bins=24),
            learning_rate=1e-2,
            epochs=250,
            loss="cross_entropy",
            batch_size=128,
            schedule="cosine",
            augmentation=Augmentation(time_mask=4),  # a small network learns less by harder examples
            qat=QAT(step=0.6, epochs=40),
            quantise=True,
            deflate_layout=True,
        ),
        "live": Recipe(  # improved, and a further class: a listener hears other things most of the time
            architecture="ds_tc_resnet",
            width=0.75,  # 48 filters: nine classes want some more
            stem=(8, 12),
            blocks=(2, 2, 2),
            front_end=LogMel(mel_bins=24),
            learning_rate=6e-3,
            epochs=300,  # ahead of 150 on validation data, just within the noise of five seeds
            loss="cross_entropy",
            batch_size=128,
            schedule="cosine",
            label_smoothing=0.1,
            augmentation=Augmentation(mixup=0.1, shift_s=0.2),  # a word slides through the listener's second
            other=0.5,
            by_speaker=True,  # strangers will talk to it
            qat=QAT(step=0.6, epochs=40),
            quantise=True,
            deflate_layout=True,
        ),
    },
)
