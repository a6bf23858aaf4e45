"""What a package index and a citation show, and what the source package holds."""

import re
import subprocess
import tomllib

import pathspec
import pytest
import yaml

from docs_pages import FRONT_PAGE, PROJECT, REPOSITORY, ROOT, text_of

BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def tracked():
    """Return the files of the repository, as Git knows them."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return listed.splitlines()


def test_the_source_package_holds_the_three_packages_and_no_stray_file():
    patterns = pathspec.GitIgnoreSpec.from_lines(BUILD["sdist"]["include"])
    packed = {path.partition("/")[0] for path in patterns.match_files(tracked())}
    assert packed == {"client", "server", "training", "README.md", "LICENSE", "CHANGELOG.md"}


def test_the_wheel_holds_every_package():
    packages = {path.rpartition("/")[0] for path in tracked() if path.endswith("/py.typed")}
    assert set(BUILD["wheel"]["packages"]) == packages


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/training.md"])
def test_who_installs_by_pip_is_told_of_the_index_that_make_takes_without_a_gpu(page):
    index = re.search(r'^CPU_INDEX = "(.*)"$', text_of(ROOT / "requirements" / "install.py"), re.MULTILINE)
    assert f"--extra-index-url {index[1]}" in text_of(ROOT / page)


def test_the_index_shows_the_sentence_of_the_front_page():
    assert f"**{PROJECT['description']}.**" in text_of(FRONT_PAGE)


@pytest.mark.parametrize("name", ["Homepage", "Documentation", "Repository", "Issues", "Changelog"])
def test_the_index_links_to_the_repository(name):
    assert PROJECT["urls"][name].startswith(REPOSITORY)


def test_the_index_says_who_and_for_whom():
    assert PROJECT["authors"]
    assert PROJECT["keywords"] == sorted(PROJECT["keywords"])
    assert PROJECT["classifiers"] == sorted(PROJECT["classifiers"])
    # The license is an expression; a classifier beside it is refused by the index.
    assert not any(classifier.startswith("License ::") for classifier in PROJECT["classifiers"])


def test_the_citation_is_of_this_version_of_the_project():
    assert {"cff-version", "message", "title", "authors"} <= CITATION.keys()
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["repository-code"] == REPOSITORY
    assert [author["name"] for author in CITATION["authors"]] == [author["name"] for author in PROJECT["authors"]]
