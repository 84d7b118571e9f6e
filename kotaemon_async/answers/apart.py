"""What stands in a document beside what it says: heads of papers, captions, contents, references, notices.

It answers no question but one for itself (who wrote it, how it may be used), and sums nothing up.

>>> is_apart("Authors: He, Ying; Lin, Guang-Yu Date: 2014-05-14 DOI: 10.1111/irv.12257")
True
>>> is_apart("Figure 3 shows that pumps of steel last longer.")
False
"""

import re
from typing import Final

#: The head that archives print on papers, which nobody asks for.
_ARCHIVE_HEAD: Final = re.compile(
    r"\bSHA: ?[0-9a-f]{20,}|^(?:DOI|PMID|PMCID|Licen[cs]e|Abstract)\s*[:：]\s*(?:nan|none|n/a|\S+)$",
    re.IGNORECASE,
)
_PAPER_HEAD: Final = re.compile(
    r"\b(?:DOI|PMCID|PMID|ISSN|ISBN)\s?[:：] ?\S+|^Authors?\s?[:：]|\bLicen[cs]e\s?[:：] ?cc\b"
    r"|\b(?:Received|Accepted|Revised|Published)(?: online| date)?\s?[:：] ?.{0,12}(?:19|20)\d\d"
    r"|^(?:Keywords?|Key words|Correspondence|Corresponding author|Citation|Edited by|Reviewed by)\s?[:：]"
    r"|^Journal Pre-?proof"
    r"|^(?:关键[词字]|關鍵[詞字]|作者简介|通[讯訊]作者|收稿日期|基金项目|中图分类号)\s?[:：]",
    re.IGNORECASE,
)
_MAIL_HEAD: Final = re.compile(
    r"^(?:From|To|Cc|Bcc|Sent|Subject|Reply-To|发件人|收件人|抄送|主题|发送时间|寄件者|收件者|主旨)\s?[:：]\s?\S"
    r"|^(?:Kind|Best|Warm) regards\b|^(?:Yours (?:sincerely|faithfully|truly)|此致|敬礼)\b"
)
#: A caption has its number and then what is to be seen; in "Figure 3 shows that" a sentence says so.
_CAPTION: Final = re.compile(
    r"^(?:(?:Supplementary|Supplemental|Suppl\.|Extended Data|Online) )?"
    r"(?:Fig(?:ure|\.)?|Tab(?:le|\.)|Scheme|Chart|Plate|Box|Video|Movie|Listing|Exhibit)s? ?"
    r"(?:[A-Z]?\d{1,3}(?:[.-]\d{1,2})?[A-Za-z]?)\s?(?:[:.|–—-]\s|[A-Z][a-z]|$)"
    r"|^(?:Supplementary|Supplemental) (?:Materials?|Information|Data|Tables?|Figures?)\b"
    r"|^[图圖表](?:[表]?)\s?\d{1,3}(?:[.\-－]\d{1,2})?\s?[:：.、\s]"
)
#: Where the parts of a paper stand that sum nothing up.
_BESIDE: Final = re.compile(
    r"\b(?:methods?|materials|statistical analys[ei]s|references|bibliography|acknowledg\w+"
    r"|supplement\w+|funding"
    r"|author contributions|ethics|abbreviations|data availability|legends?|appendix|competing interests)\b"
    r"|参考文献|參考文獻|致[谢謝]|附[录錄]|目[录錄]|[实實][验驗]方法|[术術][语語]表",
    re.IGNORECASE,
)
_LABEL: Final = re.compile(
    r"(?:(?:Supplementary|Suppl\.|Extended Data) )?(?:Fig(?:ure|\.)?|Tab(?:le|\.)|Scheme|Chart"
    r"|Plate|Box|[图圖表])s? ?"
    r"[A-Z]?\d{1,3}(?:[.-]\d{1,2})?[A-Za-z]?\s?[.:：]?"
)
_PANEL: Final = re.compile(r"^\(?[A-H][.)] ?[A-Z]")
_CONTENTS: Final = re.compile(r"^(?:(?:Table of )?Contents|目\s?[录錄次])$")
_LEADERS: Final = re.compile(r"\. ?\. ?\. ?\. ?\.|[…·‧]{3}")
_LISTED: Final = re.compile(r"^\[?\d{1,3}[\].]\s?[A-Z][\w'’-]+,? (?:[A-Z]\.?[ ,-]?){1,3}(?:,|and|et al|\()")
_REFERENCE: Final = re.compile(
    r"\b(?:19|20)\d\d[a-z]?\s?[;,]\s?\d{1,4}\s?(?:\(\d{1,3}\))?\s?[:：]\s?e?\d+"
    r"|\bvol\.? ?\d+.{0,30}\bpp?\.? ?\d+"
    r"|\[(?:J|M|D|C|N|R|P|S|EB/OL|J/OL)\]",
)
_NOTICE: Final = re.compile(
    r"^(?:©|\(c\) ?(?:19|20)\d\d|Copyright\b)|\ball rights reserved\b|\blegal disclaimers?\b"
    r"|\bopen[- ]access article\b.*\b(?:licen[cs]e|terms)\b|\bunder the terms of the Creative Commons\b"
    r"|\b(?:no|any) (?:competing|conflicts? of|financial) interests?\b|\bdeclare(?:d"
    r"|s)? (?:that )?(?:no|they have no)\b"
    r"|\bwithout (?:the )?(?:prior )?written (?:permission|consent)\b|\bwhile every (?:effort|care)\b"
    r"|\b(?:e-?mail|message|document) (?:and any attachments )?(?:is|are|may be"
    r"|contains?)\b.{0,40}\bconfidential\b"
    r"|\bcontributed equally to|\b(?:co-first|corresponding) authors?\b"
    r"|\bthis e-?book\b|\bcopyright restrictions\b"
    r"|\bthe production process, errors\b|\bhas been (?:peer reviewed and )?accepted for publication\b"
    r"|版权所有|版權所有|保留(?:所有|一切)?[权權]利|侵[权權]必究|未[经經].{0,12}(?:许可|許可|同意).{0,12}(?:不得|禁止)"
    r"|利益冲突|免责声明|免責聲明",
    re.IGNORECASE,
)
#: Where a sentence is apart by how it begins.
BEGINNINGS: Final = (_MAIL_HEAD, _CAPTION, _CONTENTS, _LISTED)
#: Where it is by what stands in it, with what then stands in it in small letters: to look for that takes a
#: tenth of the time. No `i` and no `s`, which are found in other letters, too, where case is ignored.
WITHIN: Final = (
    (_LEADERS, ("..", ". .", "…", "·", "‧")),
    (_PAPER_HEAD, (":", "：", "journal pre")),
    (_REFERENCE, (":", "：", "vol", "[")),
    (
        _NOTICE,
        (
            *("©", "(c)", "copyr", "all r", "legal d", "open acce", "open-acce", "of the creat", "ntere"),
            *("declare", "ten per", "ten con", "le every", "conf", "equally to", "author", "book"),
            *("the product", "accepted for publ", "权", "權", "未经", "未經", "冲突", "声明", "聲明"),
        ),
    ),
)
_ASKED: Final = re.compile(
    r"\b(?:authors?|authored|wrote|written|writer|doi|issn|isbn|pmid|licen[cs]\w+|copyright"
    r"|publish\w*|journal"
    r"|e-?mail|contact|cite[sd]?|citation|references?|bibliography|contents|figures?|tables?"
    r"|caption|keywords?"
    r"|disclaim\w*|confidential\w*|conflicts?|interests?|supplement\w*|received|accepted|sent"
    r"|sender|subject)\b"
    r"|作者|[谁誰].{0,4}[写寫撰著]|版[权權]|期刊|[发發]表|出版|[许許]可|[邮郵]箱|[联聯][系絡络]|引用|[参參]考|目[录錄次]"
    r"|[图圖]\s?\d|表\s?\d|关键[词字]|免[责責]|[发發寄]件",
    re.IGNORECASE,
)

#: Authors with the numbers of their addresses: Jia Liu 1, Ruiyuan Cao 2, Mingyue Xu 1,3 and Xi Wang 1
_AUTHORS: Final = re.compile(
    r"(?:\s*(?:and )?[A-Z][\w’'-]+(?: [A-Z][\w’'.-]*){1,3} ?\d{1,2}(?: ?, ?\d{1,2})*[*†‡]?\s?,?){3,}"
)

#: How sentences begin that lean on what stands before them, beside those with a pronoun.
_LEANS: Final = re.compile(
    r"(?:For [^,]{2,60}, see|(?:Table|Figure|Fig\.?|Section) ?\d+|So|Yet|Hence|Thereafter"
    r"|Afterwards?|Overall|Finally|Lastly|Likewise|Similarly|Conversely"
    r"|Namely|Indeed"
    r"|Again|Still|Accordingly|Subsequently|Conclusively|Other(?:wise)?|Another|Others|Until then|As such"
    r"|(?:In|By|At|On|From|To|For|With|After|During|Under|Since|Despite|Because of|Due to|As a result of|As) "
    r"(?:this|that|these|those|such|doing so|the same|contrast|conclusion|summary|turn|particular"
    r"|fact|addition"
    r"|other words|other hand|the other)\b(?! (?:study|paper|review|report|article|document|manual|guide|book"
    r"|chapter|work|policy|agreement|contract|thesis|handbook))"
    r"|As (?:above|mentioned|shown|described|expected|before|a result|a consequence)"
    r"|(?:The )?(?:first|second|third)"
    r" (?:shows?|is|was|of these)|One of (?:them|these|the)|Two (?:of (?:them|these)|more)\b"
    r"|(?:[A-Z]\w+ )?(?:he|she|they|his|her|their|its)\b)\b",
)
_ASKING: Final = re.compile(r"(?:How|What|Why|Whether|Where|When|Which|Who)\b(?!.*,)")
_HALF: Final = re.compile(r"(?:While|Whereas|Although|Though|Because|Since|If|Unless|Until|When)\b[^,]*$")
_ELSEWHERE: Final = re.compile(
    r"\b(?:given|shown|listed|presented|summari[sz]ed|described|provided|found|available|depicted"
    r"|seen|details?)"
    r"\b.{0,24}\b(?:Supplementary|Supplemental|Additional file|Appendix|Table|Fig(?:ure|\.)?|online)\b",
    re.IGNORECASE,
)
_SCARRED: Final = re.compile(
    r"^\d{1,3}\.? ?[A-Z][a-z]|^[A-Z]{2,4}: "
    r"|,,|\(\s*[,;]|[,;]\s*\)|\bet al\b.*\bet al\b|[\ufffd\u25a1]|\d[À-ÿ]\d|。。|，，"
)
_LEANS_ZH: Final = re.compile(
    r"由[于於][这這此]|[^，。]{2,18}，(?:卒|加|任|授|升|迁|遷)|(?:因为|因為|由此|从而|從而|从此|從此|此[外后後时時]|以[上下及]|以往|最[后後终終]"
    r"|随[后後]|其[中后後]|[此该該]|本[鱼魚属屬种種剧劇片站]|同年|同[时時]"
    r"|次[年日]|另[外一]|至今"
    r"|[这這那][里裡些个個种種]?|[剧劇片文书書]中|原[址本]|直到|有一|也|[还還]|又|便|[则則]|[与與]此|不[过過]|除此|[为為]此|[当當][时時]"
    r"|一[个個]标准"
    r"|停[泊驻駐]|水深|[体體][长長]|[获獲]|被|并|曾|共[有计計]|[设設][有立]|位[于於]|建[于於]|[属屬][于於]|任[职職]?)"
    r"|在(?:[这這此途其]|[^，。]{1,8}(?:年|月|日|中|[时時])，?(?:也|又|[还還]|再|被|[获獲]))"
    r"|[于於](?:[这這此其\d]|[^，。]{1,9}[年月日])"
    r"|(?:公元)?[\d\s]{2,5}年[\d\s月日年至到－–—-]{0,22}，?(?:任|担任|擔任|[于於在]|也|又|再次|重新|[获獲]|被|正式|出任|改|[调調]|晋升"
    r"|晉升|[毕畢][业業]|加入|起)"
)
_LEAST_WORDS: Final = 6
_LEAST_CJK: Final = 10


def says_nothing(sentence: str) -> bool:
    """Return whether a line is what an archive prints on a paper: its hash, an abstract that is missing."""
    return (":" in sentence or "：" in sentence) and _ARCHIVE_HEAD.search(sentence) is not None


def is_apart(sentence: str) -> bool:
    """Return whether a sentence is no part of what its document says."""
    if any(one.match(sentence) for one in BEGINNINGS):
        return True
    small = sentence.lower()
    for one, parts in WITHIN:
        for part in parts:
            if part in small:
                if one.search(sentence):
                    return True
                break
    return False


def is_label(sentence: str) -> bool:
    """Return whether this is the number of a figure or a table, in front of what is to be seen there."""
    return _LABEL.fullmatch(sentence) is not None


def asks_for_it(question: str) -> bool:
    """Return whether a question may be about what stands apart: who wrote it, how it may be used."""
    return _ASKED.search(question) is not None


def without_authors(sentence: str) -> str:
    """Return a sentence without the row of authors that a PDF gives in the midst of it."""
    return " ".join(_AUTHORS.sub(" … ", sentence).split()) if _AUTHORS.search(sentence) else sentence


def heads_details(heading: str) -> bool:
    """Return whether below a heading stands how something was done, or what belongs to the end of a paper."""
    return _BESIDE.search(heading) is not None


def stands_alone(sentence: str, *, is_cjk: bool) -> bool:
    """Return whether a sentence can be read without those around it, and says something itself."""
    if (
        sentence.endswith(("?", "？"))
        or is_apart(sentence)
        or _PANEL.match(sentence)
        or _SCARRED.search(sentence)
        or _AUTHORS.search(sentence)
    ):
        return False
    if is_cjk:
        return len(sentence) >= _LEAST_CJK and _LEANS_ZH.match(sentence) is None
    if len(sentence.split()) < _LEAST_WORDS or any(
        sentence.count(a) != sentence.count(b) for a, b in ("()", "[]")
    ):
        return False
    return not any(one.match(sentence) for one in (_LEANS, _ASKING, _HALF)) and not _ELSEWHERE.search(
        sentence
    )
