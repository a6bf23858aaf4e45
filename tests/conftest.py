"""What holds for the whole suite: hypothesis' profiles, and how several processes share the tests."""

import atexit
import gc
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from searches import SUITE_EXAMPLES

# Nothing that the imports of the collection make is garbage.
gc.disable()

# Dozens of processes import these files, and each would compile them anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell has what it starts in the background ignore Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The models are tiny: threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No deadlines on noisy machines; `--hypothesis-profile=thorough --timeout=0` for a search a hundred times as long.
settings.register_profile("suite", deadline=None, max_examples=SUITE_EXAMPLES)
settings.register_profile("thorough", deadline=None, max_examples=3000)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _workers_are_forked():
    if sys.platform != "linux":
        yield
        return
    from forkservers import context
    from worker_forks import Worker

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anytime_server.workers._context", context(Worker))
        yield


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder that the processes of this run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def forks(shared_folder):
    """What forks servers for the tests that need some."""
    if sys.platform != "linux":
        pytest.skip("processes are forked on Linux only")
    from forks import Forks

    forks = Forks(shared_folder)
    yield forks
    forks.close()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config, specs):
    # What the whole suite imports takes a process twenty seconds. Forks can't use a GPU that an import has looked at.
    whole = config.args_source is config.ArgsSource.TESTPATHS
    if sys.platform == "linux" and whole and not Path("/dev/nvidiactl").exists():
        folder = config._tmp_path_factory.getbasetemp()
        for spec in specs:
            spec.python = shlex.join([sys.executable, str(Path(__file__).with_name("forked_python.py")), str(folder)])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from scheduling import Scheduler

    gc.enable()  # This process only hands the tests out.
    return Scheduler(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    if "PYTEST_XDIST_WORKER" in os.environ:
        from scheduling import long_first

        items[:] = long_first(items)


def pytest_collection_finish():
    # What the imports brought stays for good. Engines collect when they stop, and would go through all of it each time,
    # as the interpreter would at its end.
    gc.freeze()
    gc.enable()


def pytest_unconfigure():
    if "triton" in sys.modules:
        atexit.register(_say_nothing_of_leaks)


def _say_nothing_of_leaks():
    """Let the end of the process be silent: Triton's bindings would list all that is frozen, as leaked."""
    sys.stderr.flush()
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
