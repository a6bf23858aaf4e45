"""What libraries say to nobody is left out, and nothing else."""

import logging

import pytest

from anytime_training import noise


@pytest.fixture
def trainer_log(caplog):
    logger = logging.getLogger("transformers.trainer")
    before = logger.filters[:]
    logger.propagate, propagated = True, logger.propagate
    parent = logging.getLogger("transformers")
    parent.propagate, parent_propagated = True, parent.propagate
    yield logger, caplog
    logger.filters, logger.propagate, parent.propagate = before, propagated, parent_propagated


def test_a_checkpoint_may_lack_tied_weights_and_no_others(trainer_log):
    logger, caplog = trainer_log
    noise.expect_missing({"lm_head.weight"})
    logger.warning(f"{noise.MISSING_KEYS}['lm_head.weight'].")
    assert not caplog.records
    logger.warning(f"{noise.MISSING_KEYS}['lm_head.weight', 'model.norm.weight'].")
    logger.warning("something else")
    assert ["norm" in record.getMessage() for record in caplog.records] == [True, False]
