"""Load a model file to use it: a forecaster or a spotter, if its card says which, else a bare model."""

import hashlib
from collections.abc import Sequence

from underbudget.device.artifact import SPOTTING, Card, CardChoice, File, open_file
from underbudget.device.errors import UserError
from underbudget.device.forecast import Forecaster
from underbudget.device.frontend import FrontEnd
from underbudget.device.listen import KeywordSpotter
from underbudget.device.runtime import Model


def load_model(
    file: File, card: CardChoice = None, *, front_end: FrontEnd | None = None, labels: Sequence[str] = ()
) -> Forecaster | KeywordSpotter | Model:
    """Load a .tflite or .tflite.zlib file with its card: what it is then is a forecaster or a spotter.

    A damaged file may crash the TFLite runtime: do not load one that you do not trust in a process that must go on.

    Args:
        file: its path, or its bytes, which have no card beside them.
        card: its path (default: NAME.json beside the file, if there is one); False: leave the card aside.
        front_end, labels: of a spotter without a card, the labels in the order of its outputs.

    Returns:
        A Model, which knows nothing of its inputs and outputs but their shapes, where nothing says what it is.

    Raises:
        UserError: either file is bad, the card belongs to another file, or the model does not fit its card; a front end
            or labels of a model that has a card, or one of the two without the other.
    """
    found = open_file(file, card)
    if front_end or len(labels):
        if found.card or not (front_end and len(labels)):
            raise UserError(f"{found.name}: front_end and labels are both needed, of a file without a card alone")
        names = tuple(map(str, labels))
        made = Card(found.name, SPOTTING, hashlib.sha256(found.data).hexdigest(), front_end, names, {}, (), (), {})
        return KeywordSpotter(made, found.content)
    if found.card is None:
        return Model(found.content, found.name)
    kind = Forecaster if found.card.front_end is None else KeywordSpotter
    return kind(found.card, found.content)
