"""The bytes behind tokens: what they add to a text, in vocabularies of both kinds that models have."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from anytime_server.controller import PRESETS, BudgetState, Ending, ThinkingFormat
from anytime_server.controller.budget import BudgetPolicy
from anytime_server.engines.hf_tokenizer import HFTokenizer
from vocabularies import bpe


def sentence_piece() -> HFTokenizer:
    """As Llama's: a space is ▁, and what the vocabulary has no piece for is spelled byte by byte."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", ".", "</", "think", ">", "▁</", "<", "/"]
    merges = []
    backend = Tokenizer(
        models.BPE(
            vocab={piece: index for index, piece in enumerate(pieces)},
            merges=merges,
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    return HFTokenizer(tokenizer)


@pytest.mark.parametrize("tokenizer", [sentence_piece(), bpe(60)], ids=["sentence piece", "byte level"])
@pytest.mark.parametrize("text", ["a. a", "</think>", "x < 5", "é 😀\n", "<|im_start|>a"])
def test_the_bytes_of_a_texts_tokens_are_the_texts(tokenizer, text):
    assert b"".join(tokenizer.vocabulary[token] for token in tokenizer.encode(text)).decode() == text


def test_pieces_with_a_space_and_pieces_of_bytes_find_a_marker():
    tokenizer = sentence_piece()
    format = ThinkingFormat.from_markers(tokenizer, PRESETS["think-tags"])
    state = BudgetState(BudgetPolicy(20), format)
    known = {piece: token for token, piece in enumerate(tokenizer.vocabulary)}
    for piece in (b"a", b" </", b"think", b">"):
        state.observe(known[piece])
    assert (state.ending, state.spent, state.overlap) == (Ending.NATURAL, 2, 2)


def test_ids_without_a_token_spell_nothing():
    tokenizer = bpe(10)
    format = ThinkingFormat.from_markers(tokenizer, PRESETS["think-tags"])
    assert format.close_search.bytes_of(len(tokenizer.vocabulary) + 5) == b""
