"""All exercise versions by name, and the names of the recipes by which models are published."""

from device.artifact import FORECASTING, SPOTTING
from pipeline.recipe import Version
from pipeline.versions import kws_a, kws_b, kws_c, th_a, th_b

VERSIONS: dict[str, Version] = {
    version.name: version for version in (th_a.VERSION, th_b.VERSION, kws_a.VERSION, kws_b.VERSION, kws_c.VERSION)
}
FORECASTERS, SPOTTERS = (
    tuple(name for name, version in VERSIONS.items() if version.task == task) for task in (FORECASTING, SPOTTING)
)
RECIPES = ("report", "improved", "smallest")  # each is published in a folder of models/ with its name
