"""How a spotter does in long recordings: words detected, false accepts, triggers per hour."""
