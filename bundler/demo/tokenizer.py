"""A byte-level BPE vocabulary of our own, split exactly as llama.cpp splits for `tokenizer.ggml.pre = dbrx`.

That is Llama 3's expression without its other habits. It keeps up to three digits together, so every number
of two digits can be one token: for a model this small `7 + 8` is then one fact, and `14:35` three tokens to
copy instead of five.
Tags a chat program must read (`<tool_call>`, `<think>`) are single tokens that still print as text.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

PRE = "dbrx"
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PAD, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL: tuple[str, ...] = (PAD, TURN_START, TURN_END)
TAGS: tuple[str, ...] = (
    "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>",
)  # fmt: skip
VOCABULARY_SIZE = 2048
# Read often enough that each pair of digits becomes a token.
_TWO_DIGITS = " ".join(f"{number:02d}" for number in range(100))


def train(texts: Iterator[str], size: int = VOCABULARY_SIZE) -> Tokenizer:
    """Learn merges from rendered conversations; ids 0 to 8 are the special tokens, then the 256 bytes."""
    tokenizer = Tokenizer(models.BPE())
    _prepare(tokenizer)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[
            *(AddedToken(text, special=True, normalized=False) for text in CONTROL),
            *(AddedToken(text, special=False, normalized=False) for text in TAGS),
        ],
        show_progress=False,
    )
    tokenizer.train_from_iterator(chain([_TWO_DIGITS] * 5000, texts), trainer)
    if tokenizer.get_vocab_size() != size:
        raise ValueError(f"The text gave {tokenizer.get_vocab_size()} tokens instead of {size}: offer more of it.")
    return tokenizer


def _prepare(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()


def from_parts(tokens: list[str], merges: list[str]) -> Tokenizer:
    """The tokenizer that a GGUF's token and merge lists describe, to compare with llama.cpp's reading "
    "of them."""
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=pairs))
    _prepare(tokenizer)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in (*CONTROL, *TAGS)])
    return tokenizer


def load(path: Path) -> Tokenizer:
    """Read back what `train` saved."""
    return Tokenizer.from_file(str(path))
