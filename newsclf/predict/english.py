"""Recognise text that is probably not an English headline, by characters, words and spelling.

It takes 30 µs and no model. docs/decisions/0070 has the false alarms and hits as measured.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from string import ascii_lowercase
from typing import Literal

Doubt = Literal[
    "another language",
    "another script",
    "code or markup",
    "an address or a file",
    "no letters",
    "too long",
]
"""What a text probably is, or why it is no headline."""

LONGEST_CHARACTERS = 600
"""Longest headline; of 13,800 headlines and wire sentences the longest has 581 characters."""
_OTHER_SCRIPT = 0.25
"""Share of letters of other scripts from which a text is not taken for a headline in English."""
_MANY_MARKED = 0.08
"""Share of letters with accents and the like, which English headlines have in names alone."""
_CODE_SYMBOLS = (3, 0.06)
"""Number and share of _SYMBOLS from which a text is code."""
_SEVERAL = 2
"""Words that are not in a headline by chance."""
_UNUSUAL_BITS = 4.3
"""Mean of _BITS above which words are not spelt as in English."""
_LAST_LATIN = "\u024f"
_WORD = re.compile(r"(?<![\w.])[^\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")
# No two parts in a row match the same characters, so that no text takes long.
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+|[^\s@]+@[^\s@.]+\.\S+", re.IGNORECASE)
_FILE = re.compile(r"(?:[^\s\\/]*[\\/]){2,}\S*|\S*\w_\w\S*|\S+\.[a-z]{2,4}")
_SYMBOLS = re.compile(r"[{}=;\\|*^~_`]")
_MARKUP = re.compile(
    r"</\w+>|<(?:[abpi]|br|div|span|html|body|head|script|style|img|li|ul|h\d|table|t[dr])\b[^>]*>"
    r"|<[?!]|^\s*[{\[]\s*[\"{\[]|&(?:nbsp|quot|lt|gt);",
    re.IGNORECASE,
)

_ENGLISH_WORDS = """
about above across after again against ago agrees ahead also amid among analyst analysts and
announced announces annual another any appoints approved approves are around back barrel barrels
be beat beats because been below best between bid billion bln board bonds both bought broker
business but buy buyback buyout buys by call can cash cent chief climbs close closes companies
company completes core cost costs could court crore crypto customers cut cuts day days deal
deals debt demand despite dividend dollar dollars down drop drops during each early earnings
eight ended ends estimates even ever every expected expects exporters exports fall falls fell
few files firm first five flat for forecast forecasts four from full futures gain gains gets
gives goes gold group growth guidance had half has have he here high higher his hit hits hold
holds how income inflation interim into investors it its jobs judge jump jumps just keeps kept
last launch launches lawsuit least less lifted lifts loses loss losses lost low lower made maker
makes many market markets may merger might million miss misses mln month months more most moves
much named names narrows near never new next nine not nothing now of off offer oil one only
opens order orders other our out outlook output pct percent planned plans plant plants posted
posts pound presents price prices probe product products profit profits quarter quarterly raised
raises rates rating receives reported reports result results revenue revenues rise rises rising
rose rules ruling runs rupees said sales say says second seen sees sell sells services set sets
settlement seven share shareholders shares she should signed signs since sinks six slides slips
slumps soars sold some staff stake starts stock stocks strike strong supply surges swings
takeover takes talks target tax ten than the their them then there these they third this those
though three through to today tonnes too toward trade trading tumbles two unchanged unit until
up update updates very view views vs warned warns weak week weeks were what when whether which
while who why widens will win wins with within without won workers worst worth would year years
yen yet yields you your yr
"""
"""Words that many English headlines have and few others."""
_OTHER_WORDS = {
    "German": """
    der die das dem den des und nicht ein eine einen einem einer wird werden wurde sich auch auf für
    mit nach über vom zum zur aus bei beim durch gegen mehr weniger seit unter um vor im ist sind
    noch nur wegen trotz gewinn gewinne verlust umsatz aktie aktien anleger börse milliarden
    millionen prozent prognose quartal jahr jahre stellen steigt steigen stieg sinkt sinken fällt
    erhöht senkt hebt konzern unternehmen kauft verkauft erwartet
    """,
    "French": """
    le la les du de et en un une dans pour avec sur au aux sont cette ses leur après qui que pas ont
    été ne il se hausse baisse bénéfice bénéfices pertes chiffre affaires entreprise milliards
    trimestre semestre annonce rachat rachète résultat résultats prévisions marché emplois postes
    recule grimpe bondit chute plonge supprime
    """,
    "Spanish": """
    el los las del una para por con sus su al como más menos tras hasta según desde este ante
    beneficio beneficios pérdidas ventas ingresos acciones empresa millones bolsa año años sube
    suben baja cae caen gana pierde aumenta crece compra mercado deuda
    """,
    "Italian": """
    lo gli della dei delle degli di da nel nella alla alle dal dalla dai sul sulla più meno dopo tra
    utile utili ricavi perdita perdite azioni borsa azienda miliardi milioni scende crolla cresce
    cala rialzo ribasso mercato acquista titolo
    """,
    "Portuguese": """
    os uma dos em na nos nas pela pelo ao aos com não são mais após seu sua lucro prejuízo receita
    vendas ações bilhões milhões sobe cai caem recua juros preços
    """,
    "Dutch": """
    het een van voor met naar niet zijn wordt worden werd bij uit tegen ook meer minder op om te aan
    jaar kwartaal winst verlies omzet aandeel aandelen beurs miljard miljoen procent stijgt daalt
    hoger lager bedrijf overname banen koers verwacht
    """,
    "Swedish, Danish and Norwegian": """
    och att det som för från till inte på av ett efter över ska med og af fra ikke til etter ble
    blev mod hos vinst vinsten förlust omsättning omsättningen resultatet bolaget miljarder miljoner
    kvartalet ökar minskar stiger faller rasar sänker höjer köper säljer året selskab selskabet
    selskapet overskud overskudd underskud underskudd omsætning omsetning milliarder millioner
    prosent øger øker falder aksjer køber kjøper
    """,
    "Finnish": """
    ja ei oli ovat että sekä mutta myös kuin jälkeen vuonna vuoden yhtiö yhtiön liikevaihto
    liikevaihdon liikevoitto liikevoiton liiketulos tulos voitto osake osakkeen pörssi miljoonaa
    miljardia milj prosenttia euroa kasvoi laski laskee nousi nousee parani ostaa myy
    """,
    "Polish and Czech": """
    się nie od po za jest oraz przez dla zysk zysku strata straty przychody akcje spółka spółki proc
    wzrósł spadł spadły kwartale giełda ve že jako byl podle zisk zisku ztráta tržby korun vzrostl
    klesl čtvrtletí
    """,
    "Turkish, Hungarian and Romanian": """
    bir için ile bu kâr zarar hisse hisseleri milyon milyar yüzde düştü yükseldi şirket az és egy
    hogy nem milliárd millió nyereség veszteség nőtt csökkent în și din pentru după profitul
    miliarde milioane creștere scădere
    """,
    "Indonesian and Vietnamese": """
    yang dan dari untuk dengan pada ini laba rugi saham naik turun perusahaan persen triliun miliar
    pendapatan kuartal tahun setelah của và các cho với trong không lợi nhuận cổ phiếu tăng giảm
    đồng
    """,
}
"""Words of headlines in other languages, which English names and headlines seldom have.

A word of several languages stands under the first.
"""
_BIT_ROWS = """
9344554654885554485336759699
4965596594953639693337678599
6389939993993983794563999499
6396939935944992994834999699
1499629794997994995496899799
2485457797975649693358676899
2499944993995992993845999999
2499929644996764994595999899
3299729993999993995757999899
9685556599974524694438598999
7599929997999992999991999999
2789918874996968996389999999
3498537993973863999566799599
3359929993995683499596999899
2594338395968964999436799899
3686683897965435593454549899
3396939875994893493454999799
7999999999999999999950999999
2496529694967663896446899699
1597939945987896699535989999
2497939934997993895466979799
7455549595994439493439999699
6399919993999994999599999799
3399839932989943996579999999
2794949975999899299939999799
1688929996999784896398999999
3588818884883884888888888638
3555555555555555555555555555
"""
"""How unusual a letter is after another in English: -log2 of its probability, rounded, at most 9.

Rows are the first letter, columns the second: the end of a word, a to z, another letter. Counted in
the lower-case words of headlines.csv, plus 0.5.
"""
_BITS = _BIT_ROWS.split()
_CODES = {letter: code for code, letter in enumerate(ascii_lowercase, start=1)}
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_FOREIGN = frozenset(word for words in _OTHER_WORDS.values() for word in words.split())


def doubt_about(text: str) -> Doubt | None:
    """Say why a text is probably not an English headline; None for what may be one.

    Headlines without a common word of any language pass if they are spelt like English, and so do
    names and most fragments.
    """
    if len(text) > LONGEST_CHARACTERS:
        return "too long"
    if _is_code(text):
        return "code or markup"
    words = _WORD.findall(_ADDRESS.sub(" ", text))
    if not words:
        return "an address or a file" if _LETTER.search(text) else "no letters"
    if _FILE.fullmatch(text.strip()):
        return "an address or a file"
    marked = [] if text.isascii() else [c for c in text if c.isalpha() and not c.isascii()]
    letters = sum(map(len, words))
    if sum(letter > _LAST_LATIN for letter in marked) > _OTHER_SCRIPT * letters:
        return "another script"
    return "another language" if _is_foreign(words, len(marked) / letters) else None


def count_doubts(texts: Iterable[str]) -> Counter[Doubt]:
    """Count the texts that are probably not English headlines, by reason."""
    return Counter(doubt for text in texts if (doubt := doubt_about(text)) is not None)


def _is_code(text: str) -> bool:
    fewest, share = _CODE_SYMBOLS
    symbols = len(_SYMBOLS.findall(text))
    return symbols >= max(fewest, share * len(text)) or _MARKUP.search(text) is not None


def _is_foreign(words: list[str], marked: float) -> bool:
    """Judge by the words; `marked` is the share of letters that English does not have."""
    folded = [word.casefold() for word in words]
    foreign = sum(word in _FOREIGN for word in folded)
    english = sum(word in _ENGLISH for word in folded)
    if english:
        return foreign >= _SEVERAL * english
    unknown = [w for w in words if w.islower() and len(w) > 1 and w not in _FOREIGN]
    if foreign == 1:
        return marked > 0 or len(unknown) >= _SEVERAL
    return foreign > 0 or marked >= _MANY_MARKED or _are_spelt_unusually(unknown)


def _are_spelt_unusually(words: list[str]) -> bool:
    """Whether the letters of several words follow each other as they seldom do in English."""
    codes = [[0, *(_CODES.get(letter, len(_CODES) + 1) for letter in word), 0] for word in words]
    bits = [int(_BITS[one][other]) for word in codes for one, other in pairwise(word)]
    return len(words) >= _SEVERAL and sum(bits) > _UNUSUAL_BITS * len(bits)
