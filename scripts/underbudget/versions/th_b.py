"""th_b: forecast temperature and humidity an hour ahead, T MAE < 0.6 °C, Rh MAE < 1.9 %, in less than 1.7 kB."""

from underbudget.device.artifact import FORECASTING
from underbudget.metrics import Limit
from underbudget.recipes import Pruning, RateDistortion, Recipe, Version

VERSION = Version(
    name="th_b",
    task=FORECASTING,
    limits=(Limit("t_mae_c", 0.6), Limit("rh_mae_pct", 1.9), Limit("size_kb", 1.7)),
    recipes={
        "report": Recipe(
            architecture="cnn",  # lighter than the MLP
            width=0.12,  # 7 filters, 7 units
            learning_rate=1e-3,
            epochs=20,
            loss="mse",
            pruning=Pruning(final_sparsity=0.78),
            quantise=True,  # changes nothing: every tensor is below the converter's 1024 elements
        ),
        "improved": Recipe(
            architecture="linear",  # one matrix: the smallest file that meets both versions' limits on the errors
            width=1,
            learning_rate=0,
            epochs=0,
            loss="mae",
            normalise=False,  # a coefficient of 1 then repeats a reading
            # a finer grid or a lower rate costs bytes for little accuracy
            rate_distortion=RateDistortion(step=1 / 4, rate=7e-5),
            deflate_layout=True,
        ),
    },
)
