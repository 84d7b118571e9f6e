"""Refusals of prompts that are too long, as servers word them, and refusals for other reasons."""

import pytest

from kotaemon_async.answers.llm.too_long import prompt_too_long, refusal_of_length

#: Server, what it says, the context and the prompt that it names.
REFUSALS = [
    (
        "OpenAI",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 10010 "
        "tokens.",
        (8192, 10010),
    ),
    (
        "DeepSeek",
        "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens "
        "(66000 in the messages, 4000 in the completion).",
        (65536, 70000),
    ),
    ("a code alone", '{"error": {"code": "context_length_exceeded", "message": "no"}}', (None, None)),
    (
        "llama.cpp",
        '{"error":{"code":400,"message":"the request exceeds the available context size",'
        '"type":"exceed_context_size_error","n_prompt_tokens":5044,"n_ctx":4096}}',
        (4096, 5044),
    ),
    (
        "vLLM",
        "You passed 5000 input tokens and requested 512 output tokens. However, the model's context length "
        "is only 4096 tokens, resulting in a maximum input length of 3584 tokens.",
        (4096, 5000),
    ),
    (
        "vLLM before",
        '{"object":"error","message":"The decoder prompt (length 5000) is longer than the maximum model'
        ' length of 4096. Make sure","type":"BadRequestError","code":400}',
        (4096, 5000),
    ),
    (
        "SGLang",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        (4096, 5000),
    ),
    (
        "TGI",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` "
        "tokens and 512 `max_new_tokens`",
        (4096, 5000),
    ),
    ("Anthropic", "prompt is too long: 205,000 tokens > 200,000 maximum", (200_000, 205_000)),
    (
        "Gemini",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        (1_048_576, 1_200_000),
    ),
    ("Qwen", "Range of input length should be [1, 30720]", (30_720, None)),
    (
        "Mistral",
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context "
        "length",
        (32_768, 40_000),
    ),
    (
        "Moonshot",
        "Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)",
        (8192, 9000),
    ),
    (
        "LM Studio",
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with "
        "context length of only 4096 tokens, which is not enough.",
        (4096, 5000),
    ),
    (
        "Cohere",
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000",
        (4081, 5000),
    ),
    ("llama-cpp-python", "Requested tokens (2500) exceed context window of 2048", (2048, 2500)),
    ("Groq", "Please reduce the length of the messages or completion.", (None, None)),
    ("Ollama", "the input length exceeds the context length", (None, None)),
    ("Zhipu", "Prompt 超长", (None, None)),
    ("a gateway", "输入超出模型的最大上下文长度 8192", (None, None)),
]
OTHERS = [
    "",
    "scripted",
    "The model `gpt-9` does not exist",
    "max_tokens is too large: 40000. This model supports at most 16384 completion tokens.",
    "Unsupported parameter: 'stream_options'",
    "Invalid value for 'temperature': must be <= 2",
    "Your request was rejected by the safety system",
    '{"error": {"type": "invalid_request_error", "param": "messages"}}',
]


@pytest.mark.parametrize(("server", "body", "numbers"), REFUSALS, ids=[one[0] for one in REFUSALS])
def test_every_server_is_understood_with_the_numbers_that_it_names(
    server: str, body: str, numbers: tuple[int | None, int | None]
) -> None:
    refusal = prompt_too_long(body)
    assert refusal is not None
    assert (refusal.context_tokens, refusal.prompt_tokens) == numbers
    assert (refusal.code, refusal.fault) == ("prompt_too_long", "nobody")


@pytest.mark.parametrize("body", OTHERS)
def test_any_other_refusal_is_none_of_the_length(body: str) -> None:
    assert prompt_too_long(body) is None


def test_a_refusal_that_is_known_by_its_status_is_read_for_numbers() -> None:
    body = "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7105"
    assert (refusal_of_length(body).context_tokens, refusal_of_length("").context_tokens) == (6000, None)
