"""The networks: a dataclass each, with its parameters and the method that creates it in Keras.

The dataclasses are imported without TensorFlow, which takes seconds: recipes are read where nothing is trained.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]  # of one sample


@dataclass(frozen=True)
class Network(ABC):
    """A network before it is created; its fields are what a card says of it.

    Raises:
        ValueError: a field is out of its range.
    """

    @abstractmethod
    def create(self, input_shape: Shape, output_shape: Shape, folded: bool = False) -> Any:
        """Create the untrained Keras model; spotters put out logits.

        Args:
            folded: without batch normalisation and dropout, and with biases in their place (see folding.py). A network
                without either is the same.
        """
