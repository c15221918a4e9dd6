"""Tables, charts, the page and the README, from the results."""
