"""Questions that are made of a sentence's own words."""

import pytest

from kotaemon_async.answers.examples import Kind, question_of, question_on, summary_of


@pytest.mark.parametrize(
    ("sentence", "question", "kind"),
    [
        ("The harbour master is called Ottilie Brandt.", "What is the harbour master called?", "name"),
        ("The bridge of Hale was built in 1901.", "When was the bridge of Hale built?", "date"),
        (
            "The Exchequer was moved to London in March 1880.",
            "When was the Exchequer moved to London?",
            "date",
        ),
        ("Otto Berg died on 7 January 1943.", "When did Otto Berg die?", "date"),
        ("The old mill was designed by Anna Holt.", "Who designed the old mill?", "person"),
        ("The old novel was written by Anna Holt.", "Who wrote the old novel?", "person"),
        (
            "The shaft seal is replaced every 4,000 hours.",
            "How often is the shaft seal replaced?",
            "figure",
        ),
        (
            "Replace the shaft seal after every 4,000 hours of operation.",
            "How often should the shaft seal be replaced?",
            "figure",
        ),
        (
            "The repair of the crane cost 83,000 euros.",
            "How much did the repair of the crane cost?",
            "figure",
        ),
        (
            "Port Ellis has about 14 elected members.",
            "How many elected members does Port Ellis have?",
            "figure",
        ),
        ("The reef of Tal is 40 metres long.", "How long is the reef of Tal?", "figure"),
        ("The warranty period is 24 months.", "What is the warranty period?", "figure"),
        ("Port Ellis is located on the river Ule.", "Where is Port Ellis located?", "place"),
        ("The spare parts kit includes two rings.", "What does the spare parts kit include?", "part"),
        ("IFITM5 is a protein of bone cells.", "What is IFITM5?", "definition"),
        ("Anna Holt was a British painter of ships.", "Who was Anna Holt?", "definition"),
        (
            "European Union law is a body of rules that a member keeps.",
            "What is European Union law?",
            "definition",
        ),
        ("轴封每四千小时更换一次。", "轴封多久更换一次？", "figure"),
        ("大桥于1901年建成。", "大桥是哪一年建成的？", "date"),
        ("勤政殿位于北京中南海。", "勤政殿位于哪里？", "place"),
        ("赛里木湖面积约为453平方公里。", "赛里木湖面积是多少？", "figure"),
        ("哈佛大学由11个学术单位组成。", "哈佛大学由什么组成？", "part"),
        ("该项目的预算共有三部分，由王芳负责。", None, None),
        ("逆渗透是一种水的净化方法。", "逆渗透是什么？", "definition"),
        ("长谷川町子（1920年－1992年）是日本的漫画家。", "长谷川町子是谁？", "definition"),
        ("平均每户规模是2.59人。", "平均每户规模是多少？", "definition"),
        ("十一管计有26艘巡视船。", "十一管有多少艘巡视船？", "figure"),
        ("南斯拉夫是歐洲的一個國家。", "南斯拉夫是什麼？", "definition"),
        ("In 1186, Otto was elected mayor of Hale.", "When was Otto elected mayor of Hale?", "date"),
        (
            "The Yuan dynasty (Chinese: 元朝), officially the Great Yuan, was the ruling house of China.",
            "What was the Yuan dynasty?",
            "definition",
        ),
        (
            "About 53% of the old pumps in Hale are made of steel.",
            "What percentage of the old pumps in Hale are made of steel?",
            "figure",
        ),
        (
            "The harbour of Tal was closed in winter because of the ice.",
            "Why was the harbour of Tal closed in winter?",
            "reason",
        ),
        (
            "The engineer Otto Berg invented the double ring seal in 1901.",
            "Who invented the double ring seal?",
            "person",
        ),
        (
            "Pneumonia deaths decreased from 1.8 million to 900,000.",
            "By how much did Pneumonia deaths decrease?",
            "figure",
        ),
        (
            "Employees must submit expense reports within 30 days.",
            "When must Employees submit expense reports?",
            "date",
        ),
        (
            "There are 14 ferry landings in Port Ellis.",
            "How many ferry landings are there in Port Ellis?",
            "figure",
        ),
        ("班卡雀鲷，又称细点齿鲷，为辐鳍鱼的一种。", "班卡雀鲷还有什么名称？", "name"),
        ("中南海佔地100公頃，其中水面約50公頃。", "中南海佔地多少？", "figure"),
        ("比鲁尼是最早的波斯地质学家之一，著作很多。", "比鲁尼是谁？", "definition"),
    ],
)
def test_a_sentence_becomes_the_question_that_it_answers(
    sentence: str, question: str | None, kind: Kind | None
) -> None:
    found = question_of(sentence)
    assert ((None, None) if found is None else (found.question, found.kind)) == (question, kind)


@pytest.mark.parametrize(
    "sentence",
    [
        "It was built in 1901.",
        "These results are a surprise to many.",
        "The man that we saw was a painter of ships.",
        "The result is a surprise.",
        "In 1901 the bridge was a ruin of stone.",
        "The UK subsequently was a member of the club.",
        "The latter includes two rings and a seal.",
        "他是一名画家。",
        "因此大桥是一座危桥。",
        "原因是材料的老化。",
        "A platted town was established there in 1822.",
        "The town was moved there in 1822.",
        "希曼斯于1961年成立了一个委员会。",
        "原址位于山顶。",
        "Nothing of note happened in that long winter.",
        "Likewise each deacon is a member of the order.",
        "Three of his best-known works were published in 1520.",
        "The uniqueness in this theorem requires excluding one as a prime.",
        "The neighbourhood includes Kearney Boulevard and a park.",
        "Harvard's $37.6 billion financial endowment is the largest of all.",
        "什么是什么的一种说法。",
        "提示还应包括有关输出的信息。",
        "处理视频是为了在不破坏历史的同时消除噪点。",
        "巨龙形类又译泰坦巨龙形类是大鼻龙类的一个演化支。",
    ],
)
def test_a_sentence_that_leans_on_another_makes_no_question(sentence: str) -> None:
    assert question_of(sentence) is None


def test_a_word_that_is_small_elsewhere_is_no_name() -> None:
    sentence = "Bats are a reservoir of many viruses."
    assert [
        found.question
        for common in (frozenset(), frozenset({"bats"}))
        if (found := question_of(sentence, common.__contains__))
    ] == ["What are Bats?", "What are bats?"]


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("5.2 Maintenance of the pump", "What does the document say about Maintenance of the pump?"),
        ("The shaft seal", "What does the document say about the shaft seal?"),
        ("第三章 保养方法", "关于保养方法有哪些内容？"),
        ("民主黨_(美國)", "關於民主黨 (美國)有哪些內容？"),
        ("Introduction", None),
        ("参考文献", None),
        ("Table 3: sums", None),
    ],
)
def test_a_heading_that_names_a_subject_is_asked_about(heading: str, question: str | None) -> None:
    found = question_on(heading)
    assert (None if found is None else found.question) == question


@pytest.mark.parametrize(
    ("title", "wish"),
    [
        ("1973 oil crisis", "Summarize the document “1973 oil crisis”."),
        ("海港手册", "总结《海港手册》这份文档"),
        ("Table of contents", None),
        ("2031", None),
        ("目录", None),
        ("百科条目选编（甲辑第1册）", None),
        ("Letters, vol. 2", None),
    ],
)
def test_a_document_with_a_title_may_be_summed_up(title: str, wish: str | None) -> None:
    found = summary_of(title)
    assert (None if found is None else found.question) == wish


def test_a_single_common_word_is_a_subject_where_a_reader_knows_which_one_is_meant() -> None:
    sentence = "The crane weighs 40 tonnes."
    found = [question_of(sentence), question_of(sentence, known={"crane"}.__contains__)]
    assert [one and one.question for one in found] == [None, "How much does the crane weigh?"]
