"""What a sensor's log holds: the columns, how times are written, and which values a sensor can mean."""

TIME, COLUMNS = "Date Time", ("T (degC)", "rh (%)")
TIME_FORMAT = "%d.%m.%Y %H:%M:%S"
TIME_EXAMPLE = "31.12.2016 23:50:00"
# Beyond these lie the codes for "missing", such as -9999, and broken cables. Sensors in fog read a little above 100 %:
# up to the top of the range that counts as 100 %, for leaving out the fog would falsify the record.
RANGES = ((-90.0, 60.0), (0.0, 105.0))
SATURATED = 100.0
RANGES_TEXT = "-90 to 60 °C, 0 to 100 %"
