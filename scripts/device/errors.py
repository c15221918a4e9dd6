"""The one exception that a person is meant to read."""


class UserError(Exception):
    """One clear line: what is wrong, in which file, and what to do about it."""
