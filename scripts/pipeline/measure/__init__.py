"""Time and count what models take, here, on a Raspberry Pi, and on an emulated one."""
