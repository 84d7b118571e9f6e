"""How long a prompt may be, in tokens as `domain/tokens` estimates them, by all that its server has told."""

from dataclasses import dataclass
from typing import Final

from kotaemon_async.answers.llm.base import PromptTooLong

#: What of a context may be prompt; the rest is for the answer.
_PROMPT_SHARE: Final = 0.75
#: A model's own tokenizer may count so much more than the estimate, of a language that it hardly knows.
_MOST_RATIO: Final = 4.0
#: A shortened prompt keeps below what fits, and below what was refused without a word about how much fits.
_FITS_WELL: Final = 0.9
_HALF: Final = 0.5
_CONTEXT_FIELDS: Final = (
    "max_model_len", "context_length", "context_window", "max_context_length", "max_input_tokens", "n_ctx"
)  # fmt: skip


@dataclass
class TokenBudget:
    """The budget of one model's prompts; `wanted` is the setting, in the model's own tokens."""

    wanted: int
    context: int | None = None
    ratio: float = 1.0

    def tokens(self) -> int:
        """Return how many estimated tokens a prompt may have."""
        most = self.wanted if self.context is None else min(self.wanted, int(self.context * _PROMPT_SHARE))
        return int(most / self.ratio)

    def told_context(self, tokens: int | None) -> None:
        """Note the context that the server tells."""
        self.context = tokens or self.context

    def counted(self, estimated: int, tokens: int) -> None:
        """Note how many tokens the server counted in a prompt of so many estimated ones."""
        if estimated > 0 and tokens > 0:
            self.ratio = min(max(1.0, tokens / estimated), _MOST_RATIO)

    def after_refusal(self, estimated: int, refusal: PromptTooLong) -> int:
        """Return how many estimated tokens may fit, after so many were too many."""
        self.told_context(refusal.context_tokens)
        self.counted(estimated, refusal.prompt_tokens or 0)
        fits = estimated * _HALF if refusal.context_tokens is None else self.tokens() * _FITS_WELL
        return int(min(fits, estimated * _FITS_WELL))


def context_of(models: object, model: str) -> int | None:
    """Return the context that a server's list of models tells for the model, or for its only one.

    Source: vLLM (max_model_len), OpenRouter and Together (context_length), Groq (context_window), Mistral
    (max_context_length), llama.cpp (meta.n_ctx).
    """
    found = models.get("data") if isinstance(models, dict) else None
    listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    named = [one for one in listed if one.get("id") == model] or (listed if len(listed) == 1 else [])
    for one in named:
        meta = one.get("meta")
        for holder in (one, meta if isinstance(meta, dict) else {}):
            for field in _CONTEXT_FIELDS:
                if isinstance(tokens := holder.get(field), int) and tokens > 0:
                    return tokens
    return None
