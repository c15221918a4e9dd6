"""What a sensor's log holds: the names and units of its columns, and which values a sensor can mean."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import timedelta

TIME, COLUMNS = (
    "Date Time",
    ("T (degC)", "rh (%)"),
)  # the Jena file's names, and how a column is marked as the one meant
CADENCE = timedelta(minutes=10)
# Beyond these lie the codes for "missing", such as -9999, and broken cables. Sensors in fog read a little above 100 %:
# up to the top of the range that counts as 100 %, for leaving out the fog would falsify the record.
RANGES = ((-90.0, 60.0), (0.0, 105.0))
SATURATED = 100.0
JUMPS = 15.0, 60.0  # °C and % within half an hour; the greatest in eight years of weather are 5 and 28 in ten minutes
RANGES_TEXT = "-90 to 60 °C, 0 to 100 %"
A_RATIO = "no humidity is above 1 %: is it a ratio? Give it in %"

# Names in English, German, Italian, French, Spanish and Dutch, in lower case, without accents and units.
DATES = ("date", "datum", "data", "fecha")
CLOCKS = ("time", "zeit", "uhrzeit", "ora", "heure", "hora", "tijd")
_TIMES = (
    *DATES, *CLOCKS, "date time", "datetime", "date and time", "timestamp", "time stamp", "datum uhrzeit", "datum zeit",
    "zeitstempel", "zeitpunkt", "data ora", "data e ora", "date heure", "date et heure", "horodatage", "fecha hora",
    "fecha y hora", "data hora", "datum tijd", "local time", "time local", "unix time", "unixtime", "unix", "epoch",
    "time epoch", "ts", "created at", "measured at", "recorded at", "observed at", "last changed", "last updated",
)  # fmt: skip
_TEMPERATURES = (
    "t", "ta", "temp", "tmp", "temperature", "temperatur", "lufttemperatur", "temperatura", "temperatuur",
)  # fmt: skip
_HUMIDITIES = (
    "rh", "r h", "rf", "r f", "hr", "ur", "hum", "humid", "humidity", "rel hum", "rel humidity", "relative humidity",
    "humidity rh", "relhum", "feuchte", "feuchtigkeit", "luftfeuchte", "luftfeuchtigkeit", "rel feuchte",
    "rel luftfeuchte", "relative feuchte", "relative luftfeuchte", "relative luftfeuchtigkeit", "rel luftfeuchtigkeit",
    "umidita", "umidita relativa", "humidite", "humidite relative", "humedad", "humedad relativa", "umidade",
    "luchtvochtigheid", "vochtigheid", "relatieve vochtigheid", "relatieve luchtvochtigheid",
)  # fmt: skip
NAMES = (_TIMES, _TEMPERATURES, _HUMIDITIES)
_PLACES = ("air", "out", "outdoor", "outside", "ambient", "in", "indoor", "inside", "room", "avg", "mean", "sensor")
_FAHRENHEIT, _KELVIN = ("f", "degf", "fahrenheit"), ("k", "kelvin")
_CELSIUS = ("c", "oc", "deg", "degc", "degree", "degrees", "grad", "gradi", "celsius")
UNITS = (
    ("utc", "gmt"), (*_CELSIUS, *_FAHRENHEIT, *_KELVIN, *_PLACES), ("%", "pct", "percent", "prozent", *_PLACES),
)  # fmt: skip
# Columns that name the sensor of a row, and pairs of columns of tables with a row for each value.
SENSORS = (
    "sensor", "sensor id", "sensor name", "id", "device", "device id", "device name", "deviceid", "sensorid", "mac",
    "station", "station id", "location", "room", "entity", "entity id", "node", "node id", "topic", "host", "field",
)  # fmt: skip
VALUES = ("state", "value", "wert", "valore", "valeur")


def words(name: str) -> list[str]:
    """Return the words of a column's name, without case, accents, signs and numbers: `Temp. (°C)` gives temp and c."""
    plain = unicodedata.normalize("NFKD", re.sub("([a-z])([A-Z])", r"\1 \2", name)).casefold()
    found = re.findall("[a-z0-9]+|%", "".join(sign for sign in plain if not unicodedata.combining(sign)))
    return [word for word in found if not word.isdigit()]


def plain_name(name: str, units: Sequence[str] = ()) -> str:
    """Return a column's name in plain words, without its units and what is in brackets: `RH, % (S/N: 10)` gives rh."""
    bare = re.sub(r"[\[(].*", "", name)
    return " ".join(word for word in words(bare if words(bare) else name) if word not in units)


def columns_of(names: Sequence[str]) -> list[list[tuple[int, ...]]]:
    """Return which columns can be the time, which the temperature and which the humidity: lists of places.

    A time may have two columns, a date and a time of day. A column that alone has the Jena file's very name is the one
    that is meant, whatever the others are called.
    """
    found: list[list[tuple[int, ...]]] = []
    for exact, known, units in zip((TIME, *COLUMNS), NAMES, UNITS, strict=True):
        plain = [plain_name(name, units) for name in names]
        places = [place for place, name in enumerate(plain) if name in known]
        dates, clocks = ([p for p in places if plain[p] in some] for some in (DATES, CLOCKS))
        if names.count(exact) == 1:
            found.append([(names.index(exact),)])
        elif len(places) == 2 and dates and clocks:
            found.append([(dates[0], clocks[0])])
        else:
            found.append([(place,) for place in places])
    return found


def to_celsius(name: str) -> Callable[[float], float]:
    """Return what turns a value of a column of this name, or of this unit, into °C."""
    units = set(words(name))
    if units & set(_FAHRENHEIT):
        return lambda value: (value - 32) / 1.8
    return (lambda value: value - 273.15) if units & set(_KELVIN) else lambda value: value


def probable_unit(temperature: float) -> str:
    """Return the unit in which a temperature that can't be in °C may be a usual one; "" if there is none."""
    (_, hottest), _ = RANGES
    return "°F" if hottest < temperature <= 140 else "K" if 200 < temperature <= 335 else ""
