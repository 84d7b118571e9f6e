"""Equations as text."""

import xml.etree.ElementTree as ET

import pytest

from kotaemon_async.documents.parsing.office.child_equations import equation


def t(text: str) -> str:
    return f"<r><rPr/><t>{text}</t></r>"


def of(markup: str) -> str:
    return equation(ET.fromstring(f"<oMath>{markup}</oMath>")).strip()


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (f"<f><num>{t('a+b')}</num><den>{t('2')}</den></f>", "(a+b)/2"),
        (f"<f><fPr><type val='noBar'/></fPr><num>{t('n')}</num><den>{t('k')}</den></f>", "n over k"),
        (f"{t('A=π')}<sSup><e>{t('r')}</e><sup>{t('2')}</sup></sSup>", "A=πr^2"),
        (f"<sSubSup><e>{t('x')}</e><sub>{t('i+1')}</sub><sup>{t('2')}</sup></sSubSup>", "x_(i+1)^2"),
        (f"<rad><deg>{t('3')}</deg><e>{t('y')}</e></rad>", "3√(y)"),
        (f"<nary><naryPr><chr val='∑'/></naryPr><sub>{t('k=1')}</sub><e>{t('k')}</e></nary>", "∑_(k=1) k"),
        (f"<d><dPr><begChr val='['/><endChr val=']'/></dPr><e>{t('a')}</e><e>{t('b')}</e></d>", "[a|b]"),
        (f"<func><fName>{t('sin')}</fName><e>{t('x')}</e></func>", "sin x"),
        (f"<m><mr><e>{t('1')}</e><e>{t('0')}</e></mr><mr><e>{t('2')}</e></mr></m>", "[1, 0; 2]"),
        (f"<limLow><e>{t('max')}</e><lim>{t('x')}</lim></limLow>", "max_x"),
        (f"<acc><accPr/><e>{t('v')}</e></acc>{t('=1')}<del>{t('2')}</del>", "v=1"),
    ],
)  # fmt: skip
def test_an_equation_is_written_in_a_line(markup: str, text: str) -> None:
    assert of(markup) == text


def test_an_equation_that_is_nested_without_end_ends() -> None:
    assert of("<f><num>" * 5000 + t("x") + "</num></f>" * 5000).endswith("/")
