from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def docker():
    """The folder of images and compose files."""
    return ROOT / "docker"


@pytest.fixture
def compose(docker):
    """The services' compose file."""
    return yaml.safe_load((docker / "compose.yaml").read_text())
