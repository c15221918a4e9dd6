"""kws_a: eight spoken words at an accuracy above 90 % in less than 25 kB."""

from dataclasses import replace

from underbudget.device.artifact import SPOTTING
from underbudget.device.frontend import LogMel, Mfcc
from underbudget.metrics import Limit
from underbudget.networks.ds_cnn import DsCnn
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import QAT, Augmentation, Export, Fit, Recipe, Version

IMPROVED = Recipe(
    # a stem looks along frequency as well: another speaker's word lies some bands higher or lower
    DsTcResnet(filters=40, stem=(8, 12), blocks=(2, 2, 2)),
    LogMel(mel_bins=24),  # up to 7.6 kHz: "stop" and "yes" live above 4 kHz
    Fit(
        "cross_entropy",
        learning_rate=6e-3,
        epochs=150,
        batch_size=128,
        schedule="cosine",
        weight_decay=0.4,
        label_smoothing=0.1,
        augmentation=Augmentation(mixup=0.2, band_mask=4),
        qat=QAT(relative_scale=0.5, epochs=30),  # about 3 bits per weight
    ),
    Export(int8_weights=True, order_for_compression=True),
)
SMALLEST = replace(  # what fits in 2,000 bytes
    IMPROVED.refitted(
        learning_rate=1e-2,
        epochs=250,
        weight_decay=0.2,
        label_smoothing=0.0,
        augmentation=Augmentation(time_mask=4),  # a small network learns less by harder examples
        qat=QAT(relative_scale=0.6, epochs=40),
    ),
    # a block costs 60 bytes of structure, whatever its width: wide is cheaper than deep
    network=DsTcResnet(filters=20, stem=(4, 8), blocks=(1, 1)),
)
AT_HOME = Augmentation(copies=16, mixup=0.1, shift_s=0.25, noise_db=(0.0, 40.0), band_mask=4)  # as listeners hear
LIVE = replace(  # a further class: most of what a microphone picks up is none of the words
    IMPROVED.refitted(
        epochs=64,
        augmentation=AT_HOME,  # a word slides through the listener's second, in a kitchen
        unknown_share=0.6,
        qat=QAT(relative_scale=0.6, epochs=16),
    ),
    network=DsTcResnet(filters=48, stem=(8, 12), blocks=(2, 2, 2)),  # nine classes want some more filters
    by_speaker=True,  # unknown speakers will talk to it
)
VERSION = Version(
    name="kws_a",
    task=SPOTTING,
    limits=(Limit("accuracy_pct", 90), Limit("size_kb", 25)),
    recipes={
        "report": Recipe(
            # 79 filters, of the best of the unoptimised networks; ten coefficients are too few to skip any
            DsCnn(width=0.31, strides=(2, 1)),
            Mfcc(),  # more precise than STFT at the same size
            Fit("cross_entropy", learning_rate=1e-3, epochs=20, checkpoint="best_validation"),
            Export(int8_weights=True),  # the size is the strictest limit
        ),
        "improved": IMPROVED,
        "smallest": SMALLEST,
        "live": LIVE,
    },
)
