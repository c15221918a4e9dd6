"""kws_b: eight spoken words at an accuracy above 90 % in less than 35 kB, an inference in less than 1.5 ms."""

from underbudget.device.artifact import SPOTTING
from underbudget.device.frontend import LogMel, Mfcc
from underbudget.metrics import Limit
from underbudget.networks.ds_cnn import DsCnn
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import QAT, Augmentation, Export, Fit, Recipe, Version

VERSION = Version(
    name="kws_b",
    task=SPOTTING,
    limits=(Limit("accuracy_pct", 90), Limit("size_kb", 35), Limit("inference_ms", 1.5)),
    recipes={
        "report": Recipe(
            # 56 filters: narrow instead of quantised, since quantised weights slow inference
            DsCnn(width=0.22, strides=(2, 1)),
            Mfcc(),
            # such a rate to reach 90 % in 20 epochs at this width
            Fit("cross_entropy", learning_rate=0.03, epochs=20, checkpoint="best_validation"),
        ),
        "improved": Recipe(
            # a stem looks along frequency as well: another speaker's word lies some bands higher or lower; after it, a
            # stride leaves half the frames: half the time
            DsTcResnet(filters=40, stem=(4, 8), stride=2, blocks=(3, 3)),
            LogMel(mel_bins=24),  # up to 7.6 kHz: "stop" and "yes" live above 4 kHz
            Fit(
                "cross_entropy",
                learning_rate=6e-3,
                epochs=300,
                batch_size=128,
                schedule="cosine",
                weight_decay=0.4,
                label_smoothing=0.1,
                augmentation=Augmentation(mixup=0.1, band_mask=4),
                qat=QAT(relative_scale=0.35, epochs=25),  # size is no matter here
            ),
            Export(int8_weights=True, order_for_compression=True),
        ),
    },
)
