"""How often each letter stands in texts of a language: by it a charset is told; runs inside a parser child.

A model gives the bits that a character costs, less for a frequent one: the sum over a text is the smaller,
the likelier the text is one of that language. The orders were counted with the word lists of wordfreq 3.
"""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

#: The most frequent characters, in order.
_SIMPLIFIED: Final = """
的是一在不人有了我国这为中个大会们他来和年上以要到时对么能你就发可地生家出也说于学后成与过行用日多自
现都没作下得开经还法动好方而公子事分之民主里政看吗本月所天新业同全定部最其进如前机美那当工关实小被但
因长样理等什道去些面很心间区内电然力起体只着从并者高加想文问种员重及点将意合产三外由市无女已制网第情
场名应西代正表真此位题相明资计建利系化期特性度果次给让两通教任比该东活手世提或使她物数立认怎知结入更
总务话斯统目社展战做设安别信影己受解军司回把保平常见向海变报治台爱品北何接界论组件权选府议少它共运车
至记又原金身式老路决科联视口处各持站量交万直反南打据基始再快水门十感程导传院才放今术强元完号图规改管
划亚领际单头二尔需布达队片求非历每书指马广党几太先带游城办球色觉义级师专类约集告技团取儿参克史服格候
调包请德必拉乐许造确气难吧收证称语山死线示条像流命根则近济京听英士价推标举争友干支委四续况准形男望官
且走失言备容观华港质案钱查整未费空转较众神商风校字香啊首州料育创织却照亲识消研离具算欢哪型注源护连节
周即投获音清增供五孩光项张息白构省律声演农究器边步喜局医象写除境思赛装谁跟便杀击响职助易版希属住洲巴
星企引找试考列罗存须越态群县功纪复超害戏显族维深责值买足环模极协花断客警吃王百段验切往早终另远够独精
习营括革岁曾评随例黑错继米林预玩故份速闻效致火妈阿呢拿兰采热房病户限艺严仅录江势控察满优兴绝土施宣武
止负尼谢食简叫欧画古母低帮留积志虽朋否令读伤夫眼置播底域频派居监飞晚策卡尽刚讲苏股谈送诉河密落半念剧
村依湾印哥破编待初双防普围批愿红轻承青免室范修压石状排率险福父适担六角层判卫财占园络奖阳执假席仍突测
班旅升配停似笑审歌般铁换银均千养博威富微黄移罪票岛择奇紧韩久抗汉副犯亿波乎八款甚检馆油著差斗销购救坚
讨庭镇药景店章陆介益纳朝宝俄述央素哈脑拍互乡按坏兵怕核善酒激细拥街卖载钟临享释背婚伊血充货您龙攻降射
恶危略败奥弹付帝毛刻某减冲输永媒秘遇靠答座典码征访筑短析训胜疗温弟异阶劳退穿束倒七航姐夜云厂疑词九藏
毒额左楼牌补杂亡康材健练盟妇沙届课乱软板索追湖暴融登售困圣授误梦缺督操味顾页遗礼签遭枪私牙吸础毕封币
宗露讯稳宁辑恐托努曲李块爆灵守余右怀亦伦季烈衣舞皇草坐若扩幸逐序迎址竟午妹禁肯澳搞脸鲜亮苦船概贵附趣
摄库跑鱼轮顿翻良旧狗急寻套综掉顺童迫庆丽木春吉脱竞虑架呼端违含皮堂怪尚抓汽挥归骗诺肉招探培睡献针饭敢
"""
_TRADITIONAL: Final = """
的是一在不人有了我國這為中個箇大會們他來和年上以要到時對么麼能你就發髮可地生家傢出齣也說于於學后後成
與過行用日多自現都沒作下得開經還法動好方而公子事分之民主里裡政看嗎本月所天新業同全定部最其進如前機美
那噹當工關實小被但因長樣理等什道去些面麵很心間區內電然力起體只隻著從并並併者高加想文問種員重及點將意
合閤產三外由市無女已制製網第情場名應西代正表錶真此位題相明資計建利系係繫化期特性度果次給讓兩通教任比
該東活手世提或使她物數立認怎知結入更總務話斯統目社展戰做設安別彆信影己受解軍司回迴把保平常見向嚮海變
報治台檯臺颱愛品北何接界論組件權選府議少它牠共運車至記又原金身式老路決科聯視口處各持站量交萬直反南打
據基始再快水門十感程導傳院才纔放今朮術強元完號圖規改管划劃亞領際單頭二爾需布佈達隊片求非曆歷每書指馬
廣黨几幾太先帶游遊城辦球色覺義級師專類約集告技團糰取儿兒參克剋史服格候調包請德必拉樂許造確氣難吧收証
證稱語山死線示條像流命根則近濟京听聽英士價推標舉爭友干乾幹榦支委四續況准準形男望官且走失言備容觀華港
質案錢查整未費空轉較眾神商風校字香啊首州料育創織卻照親識消研離具算歡哪型注註源護連節周週即投獲穫音清
增供五孩光項張息白構省律聲演農究器邊步喜局侷醫象寫除境思賽裝誰跟便殺擊響職助易版希屬住洲巴星企引找試
考列羅存須鬚越態群縣功紀復複超害戲顯族維深責值買足環模極協花斷客警吃喫王百段驗切往早終另遠夠獨精習營
括革歲曾評隨例黑錯繼米林預玩故份速聞效致緻火媽阿呢拿蘭采採熱房病戶限藝嚴僅錄江勢控察滿優興絕土施宣武
止負尼謝食簡叫歐畫古母低幫留積志誌雖朋否令讀傷夫眼置播底域頻派居監飛晚策卡儘盡剛講囌蘇股談送訴河密落
半念唸劇村依灣印哥破編待初雙防普圍批愿願紅輕承青免室范範修脩壓石狀排率險福父適擔六角層判衛財占佔園絡
獎陽執假席蓆仍突測班旅升昇陞配停似笑審歌般鐵換銀均千韆養博威富微黃移罪票島擇奇緊韓久抗漢副犯億波乎八
款甚檢館油差斗鬥銷購救堅討庭鎮藥景店章陸介益納朝寶俄述央素哈腦拍互鄉按坏壞兵怕核善酒激細擁街賣載鍾鐘
臨享釋背揹婚伊血充貨您龍攻降射惡危略敗奧彈付帝毛刻某減沖衝輸永媒秘祕遇靠答座典碼征徵訪筑築短析訓勝療
溫弟異階勞退穿束倒七航姐夜云雲廠疑詞九藏毒額左樓牌補雜亡康材健練盟婦沙屆課亂軟板闆索追湖暴融登售困睏
聖授誤夢缺督操味顧頁遺禮簽籤遭槍鎗私牙吸礎畢封幣宗露訊穩寧輯恐托託努曲麴李塊爆靈守余餘右懷亦倫季烈衣
舞皇草坐若擴幸倖逐序迎址竟午妹禁肯澳搞臉鮮亮苦船概貴附趣攝庫跑魚輪頓翻良舊狗急尋套綜掉順童迫慶麗木春
吉脫競慮架呼端違含皮堂怪尚抓汽揮歸騙諾肉招探培睡獻針飯敢
"""
_KANJI: Final = """
人日大本出見一分時事中言思年行間気生自方上会子今前者的入月手国作合来何女全最無場動用目後発学話定当理
高感性部地回新画使下実私物体知通力家同名対度業良多持開代金意内長関変所数戦要外社以取化明現食法結心世
不好成俺楽味考能小立機書初面期少様田付違先員車山市解問連報近安番記加公売仕神教界特主表信東品電聞選終
題悪必正二強男続真死道料決語他可野確文相美情水向切愛身受円集別始達彼元在活買着重三引位過有次海保経送
点原利調制万白式第屋限設民直起待勝組得果店込運色放県指約流予置認読状参京政川応音誰口校島系残件産配天
平想進常計素優欲由空議説際像風落士止然足単伝映線消早務演声格友係反殺質夫頭葉木和飲北乗供治転僕撃登交
半広台親夜都個帰共張形録完存価基支願覚増投判王示害念術顔呼態失笑型絶難返育構容命朝告再写権試追影等検
観量備号工週太軍探義装緒断光曲企住種収器町論験査石歳営古西君任役土周字護職病段婚技奴嫌院版視超注毎歌
普十速望母資花非側馬値更団歩園魔載区村求象氏飛未急効離規済福科製師族提例割働移撮黒証細居警英丈休球低
負満介率識類室米父駅火異攻接改統官訳程争頃去井隊復深藤派医展総造抜助門寝研皆与星比赤突了岡為催故処守
打頼除千局換座専編建管施敵察興府宮減若差破客漫準怖走阪販案服精簡援域忘許降費況南両夢防倒究似商末薬各
武党曜我壊習協青罪首痛恋路戻郎評谷修夏史肉導苦松館幸横歴遊被逃極枚響図帯熱激退材含策独弾兵遠巻条軽沢
"""
_HANGUL: Final = """
이다는에하고가을지의로서은아한어도기사니있를나해리시그요인들자일게대라으스수만보제면정주전부여거과장
했상안마구었데오야내원우신적것성국되세위와무할동생소트드모미진문중말화공까러비습간없분조저입개터유계
치월같경회선년때연실바음관용더명학네영교당작좋방려않합래발건된단재며각운금람행남물알차등통번르던두타
후프겠체크랑식히너산역버임호포예결반잘님함심속업본레파직디감처런카못노았군받배매출양표피살든현많른법
달난집민설였최형또불력키천걸강날울테싶청루종언약애코점워토추준께질외근태올참격렇름친초늘권온린따록목
복새료편능열판별맞변메머티항필왜술누절확느특먹줄평씨럼브길급란돌박증송손뭐죽독죠좀즈론활막찾존곳될순
환페품투얼향냐석봐및잡병광왔혼담져엔족볼짜글령책플녀완승축베육립총갈망쪽색백악북접앞긴커험끝쓰빠블류
범침됐검힘응림김황희눈엄냥벌련창억움패겨클졌충뒤채릴케째셨왕첫견놓규협츠취렸끼션슨답럽뉴삼퍼폭획락써
"""
#: Lower-case letters beyond ASCII of the languages of a charset, in order of frequency; with their capitals.
_CYRILLIC: Final = (
    "оеаинтсрвлкмдпуяыгьбзчйжхшюцэщфёъ",
    "оаніивтерскудлмпзяьбгйчцхжїюшщєфґ",
    "аоеинтсрвљкмдпујњзгбчшцжхђфћџ",
)
_GREEK: Final = ("ατοσιενρπκμηυλίάόέΆγδωήχθύφώβξζψςϊϋ",)
_HEBREW: Final = ("יוהלאתרבמשנעםדכחקפסגןצזטךףץ",)
_ARABIC: Final = ("اليمنورتعبدةهفكسأقحجىشصطخذإضثزغئءظآؤپچژگ،؛؟",)
_THAI: Final = ("".join(map(chr, (*range(0x0E01, 0x0E3B), *range(0x0E3F, 0x0E5C)))),)
_WESTERN: Final = ("éàèêçôâîùûœïë", "èàùòìé", "üäößé", "áéíóúñ¿¡ü", "ãçáéêíóúõàâô", "äåöæøé", "áíðþæöóúýé")
_CENTRAL: Final = ("łężąóśćńź", "íáěžřéčšýůúňďťó", "áéíóöőüúű", "čšžćđ", "ăîâșțşţ", "áéíóúýčďľĺňŕšťžäô")
_TURKISH: Final = ("ıüşçğöâ",)
_BALTIC: Final = ("ėųšžąįūčę", "āīēšūņļžķģč", "õäöüšž")

#: Each codec with the letters of its languages and its price in bits: a rare one has to be surer.
ALPHABETS: Final[Mapping[str, tuple[tuple[str, ...], float]]] = {
    "cp1252": (_WESTERN, 0),
    "cp1250": (_CENTRAL, 3),
    "cp1251": (_CYRILLIC, 2),
    "cp1253": (_GREEK, 3),
    "cp1254": (_TURKISH, 3),
    "cp1255": (_HEBREW, 3),
    "cp1256": (_ARABIC, 3),
    "cp1257": (_BALTIC, 6),
    "cp874": (_THAI, 6),
    "koi8_r": (_CYRILLIC[:1], 4),
    "koi8_u": (_CYRILLIC[1:2], 5),
    "cp866": (_CYRILLIC[:1], 6),
    "iso8859_2": (_CENTRAL, 6),
    "iso8859_5": (_CYRILLIC, 8),
    "iso8859_7": (_GREEK, 8),
    "mac_roman": (_WESTERN, 12),
    "cp850": (_WESTERN, 12),
}
#: The same with names of `_IDEOGRAPHIC` models, for codecs of several bytes a character.
IDEOGRAPHS: Final[Mapping[str, tuple[tuple[str, ...], float]]] = {
    "gb18030": (("simplified", "traditional"), 0),
    "big5hkscs": (("traditional",), 3),
    "cp932": (("japanese",), 3),
    "euc_jp": (("japanese",), 5),
    "cp949": (("korean",), 8),
}

ASCII_BITS: Final = 5.0
ERROR_BITS: Final = 20.0
_SIGN_BITS: Final = 7.0
_CAPITAL_BITS: Final = 3.5
#: What has no more letters is Latin with some accents.
_ACCENTS: Final = 20
#: For alphabets of at most so many letters: the bits of the first, and what each further one has more.
_SLOPES: Final = ((_ACCENTS, 1.2, 0.5), (50, 3.2, 0.15), (1000, 4.5, 0.04))
_RARE_SIGNS: Final = "«»°§©®™±×·µ€£¥½¼¾²³№\u00a0†‰"
_QUOTES: Final = "“”‘’–—…•„‚‹›"
_WIDE_MARKS: Final = "，。、：；！？（）“”‘’《》【】—…·「」『』〈〉　～"


class Model(NamedTuple):
    """The bits of each character that a language knows; what it does not know costs by its kind."""

    bits: Mapping[str, float]

    def cost(self, counted: Mapping[str, int]) -> float:
        """Return the bits of the characters, each with how often it stands in the text."""
        return sum(count * self._of(character) for character, count in counted.items())

    def _of(self, character: str) -> float:
        known = self.bits.get(character)
        return stranger_bits(character) if known is None else known


def stranger_bits(character: str) -> float:
    """Return the bits of a character that the language does not know."""
    if character < "\x7f":
        return ASCII_BITS if character >= " " or character in "\t\n\r\f" else ERROR_BITS
    if character < "\xa0" or "\ue000" <= character <= "\uf8ff" or character == "\ufffd":
        return ERROR_BITS
    if character >= "\u2e80":
        return 19.0
    return 12.0 if character.isalpha() else 13.0


def _ranked(letters: str, at_first: float, spread: int) -> dict[str, float]:
    """Return bits that grow with the logarithm of the rank, as frequencies of characters do (Zipf)."""
    return {letter: at_first + math.log2(rank + spread) for rank, letter in enumerate(letters)}


@lru_cache(maxsize=64)
def alphabet(letters: str) -> list[Model]:
    """Return the models of a language: of ordinary text and, but for Latin, of text in capitals."""
    signs = dict.fromkeys(_RARE_SIGNS + _QUOTES, _SIGN_BITS)
    first, step = next(slope for most, *slope in _SLOPES if len(letters) <= most)
    low = {letter: first + step * rank for rank, letter in enumerate(letters)}
    high = {letter.upper(): bits for letter, bits in low.items() if len(letter.upper()) == 1}
    ordinary = Model(signs | {letter: bits + _CAPITAL_BITS for letter, bits in high.items()} | low)
    if len(letters) <= _ACCENTS:
        return [ordinary]
    shouted = {letter: bits + _CAPITAL_BITS for letter, bits in low.items()}
    return [ordinary, Model(signs | shouted | {letter: bits + 1 for letter, bits in high.items()})]


@lru_cache(maxsize=64)
def ideographs(language: str) -> Model:
    """Return the model of a language that is written with thousands of characters."""
    return Model(_IDEOGRAPHIC[language]() | dict.fromkeys("\t\n\r", ASCII_BITS))


def scripts() -> list[Model]:
    """Return models of the scripts that are not Latin, one or a few for each."""
    letters = (*_CYRILLIC, *_GREEK, *_HEBREW, *_ARABIC, *_THAI)
    return [*map(ideographs, _IDEOGRAPHIC), *(model for one in letters for model in alphabet(one))]


def _simplified() -> dict[str, float]:
    common = dict.fromkeys(_rows("gb2312", 0xB0, 0xD7), 14.5) | dict.fromkeys(
        _rows("gb2312", 0xD8, 0xF7), 18.0
    )
    return common | _ranked(_letters(_SIMPLIFIED), 2.3, 12) | _wide_signs()


def _traditional() -> dict[str, float]:
    common = dict.fromkeys(_rows("big5", 0xA4, 0xC6, low=0x40), 14.5)
    return common | _ranked(_letters(_TRADITIONAL), 2.4, 12) | _wide_signs()


def _japanese() -> dict[str, float]:
    common = dict.fromkeys(_rows("euc_jp", 0xB0, 0xCF), 14.0)
    rare = dict.fromkeys(_rows("euc_jp", 0xD0, 0xF4), 18.5)
    kana = dict.fromkeys(_rows("euc_jp", 0xA4, 0xA4), 6.0) | dict.fromkeys(_rows("euc_jp", 0xA5, 0xA5), 7.5)
    return common | rare | _ranked(_letters(_KANJI), 3.6, 12) | _wide_signs() | kana | {"ー": 6.5}


def _korean() -> dict[str, float]:
    common = dict.fromkeys(_rows("euc_kr", 0xB0, 0xC8), 14.0)
    return common | _ranked(_letters(_HANGUL), 1.4, 12) | dict.fromkeys(_WIDE_MARKS, 9.0)


_IDEOGRAPHIC: Final = {
    "simplified": _simplified,
    "traditional": _traditional,
    "japanese": _japanese,
    "korean": _korean,
}


def _wide_signs() -> dict[str, float]:
    forms = dict.fromkeys(map(chr, range(0xFF01, 0xFF5F)), 9.0)
    return forms | dict.fromkeys(_QUOTES + _RARE_SIGNS, 9.0) | dict.fromkeys(_WIDE_MARKS, 5.0)


def _letters(table: str) -> str:
    return "".join(table.split())


def _rows(codec: str, first: int, last: int, low: int = 0xA1) -> Iterable[str]:
    """Return the characters of the rows of a two-byte charset."""
    pairs = b"".join(bytes((row, cell)) for row in range(first, last + 1) for cell in range(low, 0xFF))
    return pairs.decode(codec, "ignore")
