"""What readers are shown: tables, charts, sentences and the page, all drawn from result files."""
