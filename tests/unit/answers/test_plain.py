"""A prompt as it is, said to the models of the chain."""

from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Prompt
from kotaemon_async.answers.plain import PlainPrompt, PlainReply, said_by_a_model
from kotaemon_async.domain.model import Usage
from tests.support.answering import DOWN, Model

PLAIN = PlainPrompt("A title.", "Be brief.", (("How?", "So."),), max_tokens=9)


async def said(*models: Model) -> PlainReply | None:
    return await said_by_a_model(Chain(models), PLAIN, Deadline.within(10.0))


async def test_a_model_gets_the_prompt_as_it_is() -> None:
    model = Model(Delta("Se"), Delta("als"), Finish(Usage(9, 2), cut=True))
    assert await said(model) == PlainReply("Seals", "primary", Usage(9, 2), is_cut=True)
    assert model.prompts == [
        Prompt("A title.", history=PLAIN.history, wishes="Be brief.", is_plain=True, max_tokens=9)
    ]


async def test_a_reply_that_broke_off_is_followed_by_another_models_whole_one() -> None:
    local = Model(Delta("Seals"), Finish(), name="second", served_by="local")
    assert await said(Model(Delta("Pum"), DOWN), local) == PlainReply("Seals", "local")


async def test_nobody_but_a_model_is_asked() -> None:
    tiers = Model(Delta("x"), Finish(), name="extractive", served_by="extractive")
    assert await said(Model(DOWN), tiers) is None
    assert tiers.prompts == []
