"""The one exception whose message is written for the user."""


class UserError(Exception):
    """One clear line: what is wrong, in which file, and what to do about it."""
