"""Many models at once: tasks on this machine or on a cluster of machines, each in a process of its own."""
