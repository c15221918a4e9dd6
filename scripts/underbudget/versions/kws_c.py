"""kws_c: eight spoken words at an accuracy above 90 % in less than 45 kB, sound to word in less than 40 ms."""

from dataclasses import replace

from underbudget.device.artifact import SPOTTING
from underbudget.device.frontend import LogMel, Stft
from underbudget.metrics import Limit
from underbudget.networks.ds_cnn import DsCnn
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import QAT, Augmentation, Export, Fit, Recipe, Version
from underbudget.versions.kws_a import AT_HOME

IMPROVED = Recipe(
    # accuracy is what counts: many filters, and a stem that looks along frequency as well, since another speaker's word
    # lies some bands higher or lower
    DsTcResnet(filters=72, stem=(16, 24), blocks=(2, 2, 2), dropout=0.1),
    LogMel(mel_bins=24),  # up to 7.6 kHz: "stop" and "yes" live above 4 kHz
    Fit(
        "cross_entropy",
        learning_rate=6e-3,
        epochs=200,
        batch_size=128,
        schedule="cosine",
        weight_decay=0.4,
        label_smoothing=0.1,
        augmentation=Augmentation(mixup=0.3, band_mask=4),
        qat=QAT(relative_scale=0.3, epochs=25),  # size is no matter here
    ),
    Export(int8_weights=True, order_for_compression=True),
)
LIVE = replace(  # as kws_a's, with more filters
    IMPROVED.refitted(
        epochs=48,
        augmentation=AT_HOME,
        unknown_share=0.6,
        qat=QAT(relative_scale=0.35, epochs=10),
    ),
    network=DsTcResnet(filters=64, stem=(12, 16), blocks=(2, 2, 2)),
    by_speaker=True,
)
VERSION = Version(
    name="kws_c",
    task=SPOTTING,
    limits=(Limit("accuracy_pct", 90), Limit("size_kb", 45), Limit("total_ms", 40)),
    recipes={
        "report": Recipe(
            DsCnn(width=0.52),  # 133 filters, to make up for the coarser features
            Stft(),  # less to compute than MFCC, and the front end takes most of the time
            Fit("cross_entropy", learning_rate=0.01, epochs=30, checkpoint="best_validation"),
            Export(int8_weights=True),
        ),
        "improved": IMPROVED,
        "live": LIVE,
    },
)
