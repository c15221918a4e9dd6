"""Load a model file to use it: a forecaster or a spotter, if its card says which, else a bare model."""

from underbudget.device.artifact import CardChoice, File, open_file
from underbudget.device.forecast import Forecaster
from underbudget.device.listen import KeywordSpotter
from underbudget.device.runtime import Model


def load_model(file: File, card: CardChoice = None) -> Forecaster | KeywordSpotter | Model:
    """Load a .tflite or .tflite.zlib file with its card: what it is then is a forecaster or a spotter.

    A damaged file may crash the TFLite runtime: do not load one that you do not trust in a process that must go on.

    Args:
        file: its path, or its bytes, which have no card beside them.
        card: its path (default: NAME.json beside the file, if there is one); False: leave the card aside.

    Returns:
        A Model, which knows nothing of its inputs and outputs but their shapes, where there is no card.

    Raises:
        UserError: either file is bad, the card belongs to another file, or the model does not fit its card.
    """
    found = open_file(file, card)
    if found.card is None:
        return Model(found.content, found.name)
    kind = Forecaster if found.card.front_end is None else KeywordSpotter
    return kind(found.card, found.content)
