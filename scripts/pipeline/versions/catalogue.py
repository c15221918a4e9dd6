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
RECIPES = ("report", "improved", "smallest", "live")  # each is published in a folder of models/ with its name
COMPARED_RECIPES = RECIPES[:3]  # by accuracy: "live" has a further class and is tested on other clips
QUANTISATION_STUDY = "quantisation"  # the study whose models are published too: PTQ is judged by their latency
SEARCHED = "search"  # the folder of the models that searches found
INT8_FLOAT_PAIRS = {  # for each spotter, the quantised model and the one in float
    "kws_a": ("kws_a", "kws_a_float"),
    "kws_b": ("kws_b_int8", "kws_b"),
    "kws_c": ("kws_c", "kws_c_float"),
}
