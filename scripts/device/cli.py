"""The command line of all scripts: help with examples, and errors in one line."""

import argparse
import sys
from collections.abc import Callable

from device.errors import UserError


def parser(doc: str, examples: str) -> argparse.ArgumentParser:
    """Return a parser whose help shows the script's docstring first and examples last."""
    return argparse.ArgumentParser(
        description=doc, epilog=f"examples:\n{examples}", formatter_class=argparse.RawDescriptionHelpFormatter
    )


def run(main: Callable[[], None]) -> None:
    """Run a script; an error that the user can fix ends in one line and exit status 1, not in a traceback."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nstopped; nothing half-written was left, earlier results are kept", file=sys.stderr)
        sys.exit(130)
    except PermissionError as error:
        sys.exit(f"error: {error.filename}: no permission: change its rights or its owner")
    except MemoryError:
        sys.exit("error: out of memory: close other programs and run again")
