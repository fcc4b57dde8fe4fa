"""The command line of the exercises; ``helpers.exercises`` says what it takes."""

import sys

from helpers import checks, exercises

try:
    if sys.argv[1:2] == ["restart"] and len(sys.argv) == 3:
        exercises.restart(sys.argv[2])
    elif len(sys.argv) > 1:
        sys.exit(exercises.__doc__.split("\n\n")[-1])
    else:
        exercises.progress()
except checks.ShortError as error:
    sys.exit(str(error))
