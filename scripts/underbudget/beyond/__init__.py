"""What goes beyond the report: own words, searches, listening, a real or emulated Pi, speed; only the page uses it."""
