"""th_a: forecast temperature and humidity an hour ahead, T MAE < 0.5 °C, Rh MAE < 1.8 %, in less than 2 kB."""

from underbudget.device.artifact import FORECASTING
from underbudget.metrics import Limit
from underbudget.networks.dense import Mlp, ResidualMlp
from underbudget.recipes import QAT, Export, Fit, Pruning, Readings, Recipe, Version

VERSION = Version(
    name="th_a",
    task=FORECASTING,
    limits=(Limit("t_mae_c", 0.5), Limit("rh_mae_pct", 1.8), Limit("size_kb", 2)),
    recipes={
        "report": Recipe(
            Mlp(width=0.25),  # 32 units a layer; has the smaller humidity error, the harder one to reduce
            Readings(),
            Fit("mse", learning_rate=1e-3, epochs=20, pruning=Pruning(final_sparsity=0.90)),
            Export(int8_weights=True),  # reaches the 32 x 32 layer alone: smaller tensors stay float
        ),
        "improved": Recipe(
            # what changes in an hour is small beside what stays; a search under 2 kB found no width that errs less
            ResidualMlp(units=28),
            Readings(standardised=False),  # the grid suits differences in °C and %
            Fit(
                "mae",
                learning_rate=0.0165,
                epochs=100,
                batch_size=1024,  # an epoch takes a tenth of a second
                schedule="cosine",
                # coarser steps cost accuracy
                qat=QAT(relative_scale=0.111, bias_scale=1 / 32, epochs=40, learning_rate=0.0283),
            ),
            Export(int8_weights=True, order_for_compression=True),
        ),
    },
)
