"""`make fuzz`: the scripts on inputs with random damage, each in a process of its own."""
