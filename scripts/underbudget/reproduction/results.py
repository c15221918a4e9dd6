"""All results of one store, read once: what tables, charts and claims are computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from underbudget.data.identity import Identity
from underbudget.data.sources import Sources
from underbudget.device.artifact import Card
from underbudget.reproduction.host import EMULATED, EMULATED_RESULT, PI
from underbudget.reproduction.measured_models import read_result
from underbudget.reproduction.reference import PUBLISHED_SEED
from underbudget.reproduction.runs import Run
from underbudget.reproduction.studies import STUDIES
from underbudget.store import LOCAL, PUBLISHED, ResultStore, latest, store_of
from underbudget.versions.catalogue import QUANTISATION_STUDY, RECIPES, VERSIONS


@dataclass(frozen=True)
class Results:
    """What is known of the models of one store.

    Attributes:
        store: where they were read from.
        cards: by recipe (or study) and version.
        runs: the runs of each study, by its name.
        latencies: one result per device, by file name.
        bench: the result of `make bench`, or empty.
        listening: the result of `make listening`, or empty.
        naive: the errors of forecasts that need no network, or empty.
        searches: the results of `make search`.
        beside: the published results, for a store of this machine.
    """

    store: ResultStore
    cards: Mapping[tuple[str, str], Card]
    runs: Mapping[str, list[Run]]
    latencies: Mapping[str, dict[str, Any]]
    bench: Mapping[str, Any]
    listening: Mapping[str, Any]
    naive: Mapping[str, Any]
    searches: Sequence[Mapping[str, Any]]
    beside: "Results | None" = None

    def card(self, recipe: str, name: str) -> Card | None:
        """Return the card of a version by a recipe, if there is one."""
        return self.cards.get((recipe, name))

    def study_runs(self, study: str) -> list[Run]:
        """Return the runs of a study; none if there are none."""
        return self.runs.get(study, [])

    def naive_forecasts(self) -> dict[str, dict[str, Any]]:
        """Return the test figures of each forecast that needs no network, by its name; none if there are none."""
        found: dict[str, dict[str, Any]] = self.naive.get("forecasts", {})
        return found

    def timed(self, sha256: str) -> tuple[str, dict[str, Any]] | None:
        """Return the kind of device and the latency of a model, a Raspberry Pi's first.

        Results of emulated devices are left out: emulation does not take the time that hardware takes.
        """
        found = [(r["device"]["kind"], r["models"][sha256]) for r in self.latencies.values() if sha256 in r["models"]]
        real = [(kind, entry) for kind, entry in found if kind != EMULATED]
        return min(real, key=lambda pair: pair[0] != PI, default=None)

    def counted(self, sha256: str) -> dict[str, Any] | None:
        """Return the instructions that a model takes on the emulated Cortex-A72."""
        entry = self.latencies.get(EMULATED_RESULT, {"models": {}})["models"].get(sha256)
        return entry["instructions"] if entry else None


def read_results(store: ResultStore) -> Results:
    """Read all results of a store.

    Raises:
        UserError: a result is damaged, or a model does not match its card.
    """
    folders = (*RECIPES, QUANTISATION_STUDY, f"{QUANTISATION_STUDY}/seed-{PUBLISHED_SEED}")
    names = (*VERSIONS, *(version.name for members, _ in STUDIES.values() for version in members))
    return Results(
        store,
        {(folder, name): card for folder in folders for name in names if (card := store.card(folder, name))},
        {path.stem: store.study_runs(path.stem) for path in sorted(store.runs.glob("*.jsonl"))},
        {path.name: read_result(path) for path in sorted(store.latency.glob("*.json"))},
        store.bench(),
        store.listening(),
        store.naive(),
        store.searches(),
    )


def read_local(sources: Sources) -> Results:
    """Read this machine's results, the published ones beside them.

    Args:
        sources: which data this machine's five versions were built from.

    Raises:
        UserError: as in `read_results`.
    """
    latest_cards = {
        ("report", name): card
        for name, version in VERSIONS.items()
        if (card := latest(name, sources.data, sources.own(version.task) is not None))
    }
    store = store_of(*(Identity(**card.content["made_from"]["data"]) for card in latest_cards.values()))
    results = read_results(store)
    latencies = {path.name: read_result(path) for path in sorted(LOCAL.latency.glob("*.json"))}  # whatever the data
    return replace(
        results, cards={**results.cards, **latest_cards}, latencies=latencies, beside=read_results(PUBLISHED)
    )
