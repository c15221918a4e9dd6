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
RANGES_TEXT = "-90 to 60 °C, 0 to 100 %"
A_RATIO = "no humidity is above 1 %: is it a ratio? Give it in %"

# Names in English, German, Italian and French, in lower case, without accents and units.
DATES = ("date", "datum", "data")
CLOCKS = ("time", "zeit", "uhrzeit", "ora", "heure")
_TIMES = (
    *DATES, *CLOCKS, "date time", "datetime", "timestamp", "time stamp", "datum uhrzeit", "datum zeit", "zeitstempel",
    "zeitpunkt", "data ora", "data e ora", "date heure", "date et heure", "horodatage",
)  # fmt: skip
_TEMPERATURES = (
    "t", "temp", "temperature", "air temp", "air temperature", "temperatur", "lufttemperatur", "temperatura",
)  # fmt: skip
_HUMIDITIES = (
    "rh", "r h", "hum", "humidity", "rel hum", "rel humidity", "relative humidity", "humidity rh", "air humidity",
    "feuchte", "feuchtigkeit", "luftfeuchte", "luftfeuchtigkeit", "rel feuchte", "rel luftfeuchte", "relative feuchte",
    "relative luftfeuchte", "relative luftfeuchtigkeit", "umidita", "umidita relativa", "humidite", "humidite relative",
)  # fmt: skip
NAMES = (_TIMES, _TEMPERATURES, _HUMIDITIES)
_FAHRENHEIT, _KELVIN = ("f", "degf", "fahrenheit"), ("k", "kelvin")
_CELSIUS = ("c", "oc", "deg", "degc", "degree", "degrees", "grad", "gradi", "celsius")
UNITS = (("utc", "gmt"), (*_CELSIUS, *_FAHRENHEIT, *_KELVIN), ("%", "pct", "percent", "prozent"))


def words(name: str) -> list[str]:
    """Return the words of a column's name, without case, accents and signs: `Temp. (°C)` gives temp and c."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return re.findall("[a-z0-9]+|%", "".join(sign for sign in plain if not unicodedata.combining(sign)))


def columns_of(names: Sequence[str]) -> list[list[tuple[int, ...]]]:
    """Return which columns can be the time, which the temperature and which the humidity: lists of places.

    A time may have two columns, a date and a time of day. A column that alone has the Jena file's very name is the one
    that is meant, whatever the others are called.
    """
    found: list[list[tuple[int, ...]]] = []
    for exact, known, units in zip((TIME, *COLUMNS), NAMES, UNITS, strict=True):
        plain = [" ".join(word for word in words(name) if word not in units) for name in names]
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
    """Return what turns a value of a column of this name into °C."""
    units = set(words(name))
    if units & set(_FAHRENHEIT):
        return lambda value: (value - 32) / 1.8
    return (lambda value: value - 273.15) if units & set(_KELVIN) else lambda value: value
