"""The family `smallest`: which of these is smallest?"""

from anytime_training.problems.tasks.extremes import Extreme
from anytime_training.problems.tasks.selection import Rule

SMALLEST = Extreme(
    Rule("smallest", better="smaller", worse="larger", claim="smallest", sign=-1),
    keywords=("smallest", "least", "min", "minimum", "lowest", "smaller", "lower"),
)
