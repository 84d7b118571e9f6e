"""Text that is none is told from text in any language."""

import random
import string

import pytest

from kotaemon_async.documents.parsing.child_legibility import evidence, is_illegible

TEXTS = [
    "The compressor of line four is rated at 4200 bar in total. Its filter is changed every ninety days.",
    "Der Verdichter der vierten Straße ist für 4200 bar gebaut; sein Filter wird alle 90 Tage gewechselt.",
    "Le compresseur de la quatrième ligne est prévu pour 4200 bars ; son filtre est changé chaque trimestre.",
    "El compresor de la línea cuatro soporta 4200 bares en total y su filtro se cambia cada noventa días.",
    "Sprężarka linii czwartej ma ciśnienie 4200 barów, a jej filtr jest wymieniany co dziewięćdziesiąt dni.",
    "THE COMPRESSOR OF LINE FOUR IS RATED AT 4200 BAR. ITS FILTER IS CHANGED EVERY NINETY DAYS BY HAND.",
    "Компрессор четвёртой линии рассчитан на 4200 бар, его фильтр меняют каждые девяносто дней.",
    "四号线的压缩机额定压力为四千二百巴，其过滤器每九十天由操作人员更换一次，更换记录保存在值班室。",
    "四號線的壓縮機額定壓力為四千二百巴，其過濾器每九十天由操作人員更換一次，更換記錄保存在值班室。",
    "四号線の圧縮機は四千二百バールで、そのフィルターは九十日ごとに担当者が交換し、記録は当直室にある。",
    "사호선 압축기의 정격 압력은 사천이백 바이며 필터는 구십 일마다 담당자가 교체하고 기록을 보관한다.",
    "ضاغط الخط الرابع مصمم لضغط إجمالي قدره 4200 بار ويتم تغيير المرشح كل تسعين يوما",
]
CODES = [
    "GHB; gamma-hydroxybutyrate; 4-hydroxybutanoic acid; sodium oxybate; methylenedioxyamphetamine",
    "KT-100 KT-101 PVC-U DN50 PN16 HDPE SDR11 EPDM NBR FKM PTFE 1.4404 AISI 316L G1/2 R3/4 NPT BSP M12x1.5",
    "ATGCGTACGTTAGCATGCATGCCGTAGCTAGCATCGATCGTAGCTAGCATGCATCGATCGATGCATGCATGCATCG" * 2,
    "www.example.org/pmc/articles/PMC4181804 doi.org/10.1016/j.xkcd.2020 info@ncbi.nlm.nih.gov " * 3,
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 " * 3,
]


def moved(text: str, by: int) -> str:
    low, high = string.ascii_lowercase, string.ascii_uppercase
    return text.translate(str.maketrans(low + high, low[by:] + low[:by] + high[by:] + high[:by]))


@pytest.mark.parametrize("text", TEXTS + CODES)
def test_text_of_any_language_and_codes_are_legible(text: str) -> None:
    assert not is_illegible(evidence(text))


@pytest.mark.parametrize("by", range(1, 26))
@pytest.mark.parametrize("text", TEXTS[:6])
def test_moved_letters_are_no_text(text: str, by: int) -> None:
    assert is_illegible(evidence(moved(text, by)))


def test_letters_in_any_other_order_are_no_text() -> None:
    chance = random.Random(7)
    found = []
    for text in TEXTS[:6] * 20:
        other = "".join(chance.sample(string.ascii_lowercase, 26))
        found.append(
            is_illegible(evidence(text.lower().translate(str.maketrans(string.ascii_lowercase, other))))
        )
    assert sum(found) >= 0.95 * len(found)


def test_glyph_numbers_for_letters_are_no_text() -> None:
    assert is_illegible(evidence("".join(chr(ord(one) - 29) if one > " " else one for one in TEXTS[0])))


@pytest.mark.parametrize("text", TEXTS[7:9])
@pytest.mark.parametrize("by", [1, 300, 7001])
def test_ideographs_that_hardly_anybody_writes_are_no_text(text: str, by: int) -> None:
    other = "".join(chr(0x4E00 + (ord(one) - 0x4E00 + by) % 20000) if one > "\u4e00" else one for one in text)
    assert is_illegible(evidence(other))


@pytest.mark.parametrize(
    "text", ["\ufffd\ufffd\ufffd \ufffd\ufffd", "\ue041\ue042\ue043\ue044", "ࣉ䕝㡙ฦ虽ඦॐश≯ทա"]
)
def test_what_is_no_letter_at_all_is_no_text(text: str) -> None:
    assert is_illegible(evidence(text))


@pytest.mark.parametrize("text", ["\ue0b7 The lamp.", "α-helix of 5 µm", "A covid-19のウイルス", "x\ufffdn"])
def test_a_sign_in_a_text_makes_it_no_other(text: str) -> None:
    assert not is_illegible(evidence(text))


def test_what_several_pieces_show_is_their_sum() -> None:
    whole = evidence(moved(TEXTS[0], 3))
    parts = evidence(moved(TEXTS[0][:60], 3)) + evidence(moved(TEXTS[0][60:], 3))
    assert (parts.visible, parts.kinds, is_illegible(parts)) == (whole.visible, whole.kinds, True)
