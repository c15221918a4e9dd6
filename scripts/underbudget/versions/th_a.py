"""th_a: forecast temperature and humidity an hour ahead, T MAE < 0.5 °C, Rh MAE < 1.8 %, in less than 2 kB."""

from underbudget.device.artifact import FORECASTING
from underbudget.metrics import Limit
from underbudget.recipes import QAT, Pruning, Recipe, Version

VERSION = Version(
    name="th_a",
    task=FORECASTING,
    limits=(Limit("t_mae_c", 0.5), Limit("rh_mae_pct", 1.8), Limit("size_kb", 2)),
    recipes={
        "report": Recipe(
            architecture="mlp",  # has the smaller humidity error, the harder one to reduce
            width=0.25,  # 32 units a layer
            learning_rate=1e-3,
            epochs=20,
            loss="mse",
            pruning=Pruning(final_sparsity=0.90),
            quantise=True,  # reaches the 32 x 32 layer alone: smaller tensors stay float
        ),
        "improved": Recipe(
            architecture="residual_mlp",  # what changes in an hour is small beside what stays
            width=1.75,  # 28 units a layer; a search under 2 kB found nothing that errs less
            learning_rate=0.0165,
            epochs=100,
            loss="mae",
            batch_size=1024,  # an epoch takes a tenth of a second
            schedule="cosine",
            normalise=False,  # the grid suits differences in °C and %
            qat=QAT(step=0.111, bias_step=1 / 32, epochs=40, learning_rate=0.0283),  # coarser ones cost accuracy
            quantise=True,
            deflate_layout=True,
        ),
    },
)
