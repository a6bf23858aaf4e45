from importlib.resources import files

import pytest


@pytest.mark.parametrize("package", ["anytime_client", "anytime_server", "anytime_training"])
def test_a_type_checker_reads_the_annotations_of_the_installed_package(package):
    assert files(package).joinpath("py.typed").is_file()
