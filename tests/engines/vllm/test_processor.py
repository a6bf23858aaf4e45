"""One logits processor by name for the servers of vLLM, whichever model runner they have."""

from types import SimpleNamespace

import pytest
import torch
from vllm.exceptions import VLLMValidationError
from vllm.sampling_params import SamplingParams
from vllm.v1.sample.logits_processor import _load_logitsprocs_by_fqcns as load_v1
from vllm.v1.sample.logits_processor import validate_logits_processors_parameters as validate_v1
from vllm.v1.worker.gpu.sample.logits_processor import build_custom_logits_processors_params_validator as validator_v2
from vllm.v1.worker.gpu.sample.logits_processor.loader import _load_v2_logitsprocs_by_fqcns as load_v2

from anytime_server.controller import sentence_end_ids
from anytime_server.engines.choice import EMBEDDED_PATH
from anytime_server.engines.remote.inspection import PROCESSOR
from anytime_server.engines.vllm import processor, v1, v2
from anytime_server.engines.vllm.tokenizer import load_tokenizer
from anytime_server.engines.vllm.wire import EXTRA_ARG, SENTENCE_ENDS
from anytime_server.errors import EngineError
from engines.vllm.v2_runner import Runner


def config(**changes: object) -> SimpleNamespace:
    parallel = SimpleNamespace(enable_batch_sharded_sampling=False)
    model = SimpleNamespace(
        logprobs_mode="raw_logprobs",
        tokenizer=str(EMBEDDED_PATH),
        tokenizer_revision=None,
        trust_remote_code=False,
    )
    fields = {"speculative_config": None, "parallel_config": parallel, "model_config": model, "additional_config": {}}
    return SimpleNamespace(**{**fields, **changes})


def test_a_v1_runner_gets_the_processor_of_v1() -> None:
    (named,) = load_v1([PROCESSOR])
    made = named(config(), torch.device("cpu"), False)
    assert type(made) is v1.BudgetLogitsProcessor


def test_a_v2_runner_gets_the_processor_of_v2() -> None:
    (named,) = load_v2([PROCESSOR])
    made = named(config(additional_config={SENTENCE_ENDS: [3]}), Runner(slots=2).states)
    assert type(made) is v2.BudgetLogitsProcessor


def test_sentence_ends_are_those_of_the_model_unless_they_are_given() -> None:
    plain, given = config(), config(additional_config={SENTENCE_ENDS: [3, 5]})
    for each in (plain, given):
        processor.BudgetLogitsProcessor(each, torch.device("cpu"), False)
    ends = sentence_end_ids(load_tokenizer(plain.model_config))
    assert plain.additional_config[SENTENCE_ENDS] == sorted(ends) != []
    assert given.additional_config[SENTENCE_ENDS] == [3, 5]


def test_a_server_that_can_not_keep_a_budget_does_not_start() -> None:
    with pytest.raises(EngineError, match="batch_sharded"):
        sharded = config(parallel_config=SimpleNamespace(enable_batch_sharded_sampling=True))
        processor.BudgetLogitsProcessor(sharded, torch.device("cpu"), False)
    with pytest.raises(EngineError, match="remove speculative_config"):
        speculative = config(speculative_config=SimpleNamespace(num_speculative_tokens=2))
        processor.BudgetLogitsProcessor(speculative, torch.device("cpu"), False)


def test_a_malformed_policy_is_refused_at_admission_by_either_front_end() -> None:
    params = SamplingParams(extra_args={EXTRA_ARG: {"budget": 1}})
    with pytest.raises(VLLMValidationError, match=EXTRA_ARG):
        validate_v1([PROCESSOR], params)
    with pytest.raises(VLLMValidationError, match=EXTRA_ARG):
        validator_v2([PROCESSOR])(params)
