"""The links as people see them, and what one says when it is tried."""

import pytest

from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.links import Links
from kotaemon_async.answers.llm.base import Anew, Delta, Finish
from kotaemon_async.answers.llm.guarded import Timing
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.domain.errors import Refused
from tests.support.answering import DOWN, Model


def links(*models: Model) -> Links:
    settings = [
        LinkSettings(name="far", base_url="http://127.0.0.1:9/v1", model="big"),
        LinkSettings.model_validate({"name": "near", "folder": "/models/small.gguf"}),
    ]
    return Links(Chain(models, Timing(clock=lambda: 5.0)), settings, clock=lambda: 5.0)


def test_links_are_listed_in_order_with_the_model_that_each_asks() -> None:
    found = links(Model(name="far"), Model(name="near")).listed()
    assert [(one.name, one.model, one.state["state"]) for one in found] == [
        ("far", "big", "closed"),
        ("near", "small", "closed"),
    ]


async def test_a_try_tells_how_the_reply_begins() -> None:
    far = Model(Delta("Hm, thoughts. "), Anew(), Delta(" I am"), Delta(" there. "), Finish(), name="far")
    found = await links(far).tried("far")
    assert (found.text, found.error, found.seconds) == ("I am there.", None, 0.0)
    assert far.prompts[0].is_plain


async def test_a_try_that_fails_says_why() -> None:
    found = await links(Model(DOWN, name="far")).tried("far")
    assert found.text is None
    assert found.error is DOWN


async def test_a_link_that_is_not_there_cannot_be_tried() -> None:
    with pytest.raises(Refused) as refused:
        await links(Model(name="far")).tried("none")
    assert refused.value.code == "not_found"
