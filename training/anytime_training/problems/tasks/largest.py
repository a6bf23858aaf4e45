"""The family `largest`: which of these is largest?"""

from anytime_training.problems.tasks.extremes import Extreme
from anytime_training.problems.tasks.selection import Rule

LARGEST = Extreme(
    Rule("largest", better="larger", worse="smaller", claim="largest", sign=1),
    keywords=("largest", "biggest", "max", "maximum", "greatest", "highest", "larger", "bigger", "higher"),
)
