"""Print what pyproject.toml says that the package and some of its extras need: python requirements.py EXTRA...

An extra that builds on another one names the package itself; name both here.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
print(
    *project["dependencies"],
    *(
        need
        for extra in sys.argv[1:]
        for need in project["optional-dependencies"][extra]
        if not need.startswith(project["name"])
    ),
    sep="\n",
)
