import errno
import logging
import os

import pytest

from anytime_server.descriptors import REMIND_S, DescriptorWatch


@pytest.fixture
def watch(monkeypatch):
    """A watch whose time and descriptors the test decides about."""

    class Watched(DescriptorWatch):
        def __init__(self):
            super().__init__(lambda: self.now)
            self.now, self.left = 0.0, True

        def look(self):
            with monkeypatch.context() as patch:
                if not self.left:
                    patch.setattr(os, "open", refuse)
                super().look()

    def refuse(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    return Watched()


def test_a_want_is_told_once_in_a_while_and_so_is_its_end(watch, caplog):
    caplog.set_level(logging.INFO)
    watch.look()
    assert not caplog.records
    watch.left = False
    for _ in range(100):
        watch.now += REMIND_S / 100 - 1e-6
        watch.look()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    watch.now += 1
    watch.look()
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2
    watch.left = True
    watch.look()
    watch.look()
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO"]


def test_a_want_that_comes_and_goes_is_not_told_each_time(watch, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(10):
        watch.left = not watch.left
        watch.look()
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_looking_leaves_no_descriptor_behind(watch):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        watch.look()
    assert len(os.listdir("/proc/self/fd")) == before
