"""What a question insists on, and which of it a text lacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers.insist import missing, missing_codes, missing_figures, missing_names
from kotaemon_async.domain.text import query_terms, terms

FILTER = "滤芯ZK-21每六十天更换一次，由值班员登记。"
VALVE = "Valve V-7 is greased every 90 days by the fitter."
ROOM = "Room 12 was painted green for Mr Olsen."


@pytest.mark.parametrize(("question", "said", "lacks"), [
    ("滤芯RX-77多久更换一次？", FILTER, ("RX-77",)), ("滤芯ZK-21多久更换一次？", FILTER, ()),
    ("滤芯zk21多久更换一次？", FILTER, ()), ("How often is valve V-8 greased?", VALVE, ("V-8",)),
    ("Which room is Mrs Olsen's?", ROOM, ("Mrs Olsen",)), ("Which room is Mr Olsen's?", ROOM, ()),
    ("How often is valve V 7 greased?", VALVE, ()), ("What colour is room 14?", ROOM, ("14",)),
    ("What colour is room 12?", ROOM, ()), ("Where is pump P-70?", "Pump P-701 is in hall two.", ("P-70",)),
    ("水泵P-71在哪里？", "水泵P 71在二号厅。", ()), ("Was ist RX-77B?", "RX-77 ist ein Filter.", ("RX-77B",)),
    ("What was AS-207/208?", "AS-207/208 was a dual mission.", ()),
    ("What does NS3/4A do?", "NS3/4A is a protease.", ()),
    ("What is a 3rd-and-9?", "A 3rd-and-9 is a down.", ()),
    ("What was AS-207/209?", "AS-207/208 was a dual mission.", ("AS-207/209",)),
    ("Is 5G there?", "A 5 G mast stands there.", ()), ("5G基站在哪里？", "4G基站在山上。", ("5G",)),
])  # fmt: skip
def test_a_code_or_number_of_another_thing_is_missed(
    question: str, said: str, lacks: tuple[str, ...]
) -> None:
    assert missing(question, said) == lacks


@pytest.mark.parametrize(("question", "said", "lacks"), [
    ("What is on 2031-03-05?", "The audit is on March 5, 2031.", ()),
    ("What is on March 5, 2031?", "The audit is on 2031-03-05.", ()),
    ("Who signed on 12 October 2031 in Leeds?", "It was signed in Leeds on 2031-10-12.", ()),
    ("What is on 2031-03-05?", "The audit is on 2031-05-03.", ("2031-03-05",)),
    ("2031年3月5日有什么会议？", "会议于2031年5月3日举行。", ("2031年3月5日",)),
    ("2031年3月5日有什么会议？", "会议于二〇三一年三月五日举行。", ()),
    ("2031年启动了什么项目？", "苍鹭项目于2032年三月启动。", ("2031",)),
    ("二〇三一年启动了什么项目？", "苍鹭项目于2032年三月启动。", ("二〇三一",)),
    ("Was kostet 2.345,67 Euro?", "Der Preis beträgt 2345,67 Euro.", ()),
    ("Was kostet 2,50 Euro?", "Das Zubehör kostet 12,50 Euro.", ("2,50",)),
    ("What happened at 05:14?", "The alarm went off at 14:05.", ("05:14",)),
    ("Who served from 1914-1918?", "He served from 1914 to 1918.", ()),
    ("Who were the 2 sisters?", "The two sisters were Ada and Mia.", ()),
    ("哪25个成员国签了字？", "二十五个成员国都签了字。", ()),
    ("Which 3 million people?", "3,000,000 people moved.", ()),
    ("What weighs 5kg?", "The part weighs 5 kilograms.", ()),
    ("What weighs 5kg?", "It weighs 6 kg.", ("5kg",)),
    ("What happened in the 1990s?", "In 1995 it rained.", ()),
    ("What happened in the 1990s?", "In 1985 it rained.", ("1990s",)),
    ("What was it like in '98?", "In 1998 it began.", ()),
    ("Who waited 42 days?", "In 1942 he waited.", ("42",)),
    ("What about the 90s?", "In 1994 it began.", ()),
    ("谁是15世纪的改革者？", "雅克·勒费弗（约1455-1536）支持改革。", ()),
    ("Who ruled in the 15th century?", "In 1510 he died.", ("15th century",)),
    ("Who won Super Bowl 33?", "Denver won Super Bowl XXXIII.", ()),
    ("Who fought in World War II?", "In World War 2 Ada fought.", ()),
    ("What was the 21st rule?", "Rule 21 forbids smoking.", ()),
])  # fmt: skip
def test_a_figure_is_there_in_any_spelling_or_missed(
    question: str, said: str, lacks: tuple[str, ...]
) -> None:
    assert missing(question, said) == lacks


@pytest.mark.parametrize(("question", "said", "lacks"), [
    ("Where does Ms Olsen live?", ROOM, ("Ms Olsen",)), ("Where does Mr. Olsen live?", ROOM, ()),
    ("李女士住在哪里？", "李先生住在二楼。", ("李女士",)), ("李先生住在哪里？", "李先生住在二楼。", ()),
    ("Which boats ran from Port Allen?", "It ran six boats from Port Ellis.", ("Allen",)),
    ("Which boats ran from Port Ellis?", "It ran six boats from Port Ellis.", ()),
    ("Where Did The Port Allen Boats Go?", "It ran six boats from Port Ellis.", ()),
    ("Who are the Medalists of Oslo?", "The medal went to Oslo.", ()),
    ("谁管理Ellis港？", "阿伦港由市政府管理。", ()),
    ("Who runs the port of Ellis?", "阿伦港由市政府管理。", ()),
    ("What did Kllbrandon propose?", "Kilbrandon proposed an assembly.", ()),
    ("What did Harvard propose?", "Howard proposed an assembly.", ("Harvard",)),
    ("Who drew König Ludwig?", "Konig Ludwig was drawn by Mia.", ()),
    ("who runs it in USA", "All.", ("USA",)),
])  # fmt: skip
def test_a_name_is_missed_in_a_text_of_the_same_language(
    question: str, said: str, lacks: tuple[str, ...]
) -> None:
    assert missing(question, said) == lacks


@pytest.mark.parametrize(("question", "said", "lacks"), [
    ("Who may not board the ferry?", "Dogs may board the ferry.", ("not board",)),
    ("Who may not board the ferry?", "Dogs are forbidden on the ferry.", ()),
    ("Why didn't the ferry sail?", "The captain refused to sail.", ()),
    ("Why didn't the ferry sail?", "The ferry sailed at nine.", ("didn't",)),
    ("Does the ferry sail or not?", "The ferry sails.", ()),
    ("Who travels not only today?", "All travel.", ()),
    ("Who may not enter?", "儿童不得入内。", ()),
])  # fmt: skip
def test_what_is_not_needs_a_denial(question: str, said: str, lacks: tuple[str, ...]) -> None:
    assert missing(question, said) == lacks


@pytest.mark.parametrize(("question", "said", "lacks"), [
    ("In what year did it open?", "It opened in 1936.", ()),
    ("In what year did it open?", "It opened long ago.", ("what year",)),
    ("What year followed 1936?", "In 1936 it opened.", ("What year",)),
    ("How many boats are there?", "There are six boats.", ()),
    ("How many boats are there?", "The boats are white.", ("How many boats",)),
    ("哪一年成立？", "一九三六年成立。", ()), ("哪一年成立？", "很久以前成立。", ("哪一年",)),
    ("How many boats are there?", "港口有六艘船。", ()),
    ("港口有多少艘船？", "船是白色的。", ("多少",)), ("港口有多少艘船？", "港口有六艘船。", ()),
    ("換過幾次？", "早就換過。", ("幾次",)), ("换过几次？", "换过三次。", ()),
    ("哪⼀年设立？", "机构一九三⼀\uf98e设立。", ()),
    ("Wie lange ist die Ru\u0308ckgabe?", "Rückgabe: 14 Tage.", ()),
    ("How many residues has IFITM3?", "IFITM3 has three residues.", ()),
])  # fmt: skip
def test_a_figure_asked_for_stands_in_what_is_shown(question: str, said: str, lacks: tuple[str, ...]) -> None:
    assert missing(question, said, "In 1900 there were 12.") == lacks


HERON = "苍鹭项目于2032年三月启动，负责人是李青。"


@pytest.mark.parametrize(("question", "lacks"), [
    ("海鸥项目什么时候启动？", ("海鸥项目",)), ("海鷗項目什麼時候啟動？", ("海鷗項目",)),
    ("张三负责什么？", ("张三",)),
    ("请问许申在哪里工作？", ()), ("許申在哪裡工作？", ("許申",)), ("王小明老师教什么？", ("王小明",)),
    ("红岭公司的地址？", ("红岭公司",)), ("苍鹭项目什么时候启动？", ()), ("该项目何时启动？", ()),
    ("李青负责什么？", ()),
    ("哪家公司负责？", ()), ("方法是什么？", ()), ("金额的单位？", ()),
    ("Who leads 海鸥项目?", ("海鸥项目",)),
])  # fmt: skip
def test_a_chinese_name_of_which_no_document_has_a_character_pair_is_missed(
    question: str, lacks: tuple[str, ...]
) -> None:
    unknown = set(query_terms(question)) - set(terms(HERON))
    assert missing(question, HERON, "", unknown) == lacks
    assert missing(question, HERON) == ()


def test_a_chinese_name_may_have_another_form_in_an_english_text() -> None:
    question = "海鸥项目什么时候启动？"
    assert missing(question, "The Seagull Project began in 2032.", "", query_terms(question)) == ()


def test_what_stands_around_counts_for_figures_codes_and_names() -> None:
    question = "What did Ada report on V-8 in 2031?"
    assert missing(question, "The seal leaks.") == ("2031", "V-8", "Ada")
    assert missing(question, "The seal leaks.", "Ada's report_2031.pdf, valve V 8") == ()


@pytest.mark.parametrize("question", ["", "?", "🚀", "税", "what is it", "WHAT IS IT", "\x00"])
def test_other_questions_insist_on_nothing(question: str) -> None:
    assert missing(question, "Anything.") == ()


def test_claims_are_held_to_their_source_by_kind() -> None:
    source = "阀门V-8于2031年3月检查。"
    assert missing_figures("阀门V-8于2032年3月检查。", source) == ["2032年3月"]
    assert missing_codes("阀门V-9于2031年3月检查。", source) == ["V-9"]
    assert missing_names("The valve was checked by Olsen", "The valve was checked.") == ["Olsen"]


@given(st.from_regex(r"[A-Za-z]{1,3}[-/.]?[0-9]{1,4}([-/.][A-Za-z0-9]{1,4}){0,2}", fullmatch=True))
def test_a_code_stands_in_a_text_that_has_it_word_for_word(code: str) -> None:
    assert missing_codes(f"What is {code}?", f"The part {code} is new.") == []


@pytest.mark.parametrize(("question", "said", "lacks"), [
    ("What was the price of a ticket?", "The bowl was won at age 39.", ("price",)),
    ("What was the price of a ticket?", "A ticket was sold for $39.", ()),
    ("What is the list price of KX-350?", "Model: KX-350 · List price: 6850", ()),
    ("What is the list price of KX-350?", "Model: KX-350 · Price (per unit): 6850", ()),
    ("What is the list price of KX-350?", "Model: KX-350 · Price: on request · Stock: 3", ("price",)),
    ("KX-350的价格是多少？", "型号：KX-350 · 价格：6850", ()),
    ("How much did it cost to build the bridge?", "The bridge was built in 1901.", ("How much",)),
    ("How much did Otto know?", "Otto knew a lot.", ()),
    ("一张票多少钱？", "票在车站出售。", ("多少钱",)), ("一张票多少钱？", "票价为三元。", ()),
    ("In which year did it open?", "It opened with 12 ferries.", ("which year",)),
    ("In which year did it open?", "It opened in the 19th century.", ()),
    ("运动会是哪一年举办的？", "十一次比赛都在山东举办。", ("哪一年",)),
    ("运动会是哪一年举办的？", "运动会于二〇〇九年举办。", ()),
])  # fmt: skip
def test_a_price_is_money_and_a_year_no_small_number(
    question: str, said: str, lacks: tuple[str, ...]
) -> None:
    assert missing(question, said) == lacks
