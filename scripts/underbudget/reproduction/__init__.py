"""The report, done again: studies over seeds, the claims judged by them, latencies, naive forecasts."""
