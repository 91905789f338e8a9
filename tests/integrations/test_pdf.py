"""What a document says and how it is drawn, read back from the PDF itself."""

import io
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.generic import ContentStream

from app.integrations import pdf
from app.integrations.pdf import Column, PdfDocument, bidi_isolate

SCRIPTS = {
    "Latin": "Zażółć gęślą jaźń, ʻAbd al-Raḥmān ibn Ṣāliḥ",
    "Arabic": "محمد بن عبد الله",
    "Vowelled Arabic": "مُحَمَّدٌ رَسُولُ اللَّهِ",
    "Persian": "گزارش زکات پژمان ۱۲۳",
    "Urdu": "ٹھیکہ ڈاکٹر میں",
    "Hebrew": "שלום עולם",
    "Cyrillic": "Привет, мир",
    "Greek": "Γειά σου",
    "Devanagari": "हिन्दी क्षत्रिय",
    "Bengali": "বাংলা",
    "Tamil": "தமிழ்",
    "Thai": "ภาษาไทย",
    "Chinese": "中文漢字简体",
    "Japanese": "日本語ひらがなカタカナ",
    "Korean": "한국어",
    "emoji": "😀🕌💰",
    "signs": "€ ₺ ₽ ₹ ﷼ ﷺ ✓ →",
    "Amharic": "አማርኛ",
    "Khmer": "ភាសាខ្មែរ",
}
COPIED = {*SCRIPTS} - {
    "Vowelled Arabic",
    "Thai",
    "Khmer",
    "Persian",
    "Tamil",
    "Bengali",
    "signs",
    "Devanagari",
}
FIGURES = [Column("Name", 1), Column("Amount", 0, "end")]
NASTY = {
    "one long word": "A" * 5000,
    "one long Arabic word": "م" * 5000,
    "one long Hebrew word": "א" * 2500,
    "Thai without blanks": "ก" * 5000,
    "a long note": "word " * 2000,
    "one long syllable": "क्" * 2500,
    "one endless emoji": "👨\u200d" * 2500,
    "conjoining letters": "\u1100" * 5000,
    "a hill of marks": "Z" + "\u0301" * 5000,
    "commands": "a\x00\x07\x1b[31m\x7f\x85b",
    "half a pair": "\ud800 \udfff",
    "newlines": "\r\n" * 5000 + "x\u2028y\x0bz",
    "markup": '#import "x": * $a$ *b* `c` \\ @d <e> // /* #{',
    "overrides": "\u202a\u202b\u202d\u202e\u2066\u2067\u2068",
    "nothing": "",
    "no glyph at all": "\ue000\U00012000\uffff",
}


def read(document: PdfDocument) -> PdfReader:
    return PdfReader(io.BytesIO(document.bytes()))


def text_of(document: PdfDocument) -> str:
    text = "\n".join(page.extract_text() for page in read(document).pages)
    return text.replace("\u00a0", " ")


def glyphs(document: PdfDocument, font: str = "") -> list[int]:
    """The glyphs drawn, in a font of that name: numbers of this document, 0 for a missing one."""
    reader, drawn = read(document), []
    for page in reader.pages:
        fonts = {key: str(each["/BaseFont"]) for key, each in page["/Resources"]["/Font"].items()}
        current = ""
        for operands, operator in ContentStream(page.get_contents(), reader).operations:
            if operator == b"Tf":
                current = fonts[operands[0]]
            elif operator in (b"TJ", b"Tj") and font in current:
                shown = operands[0] if operator == b"TJ" else operands
                codes = b"".join(s.original_bytes for s in shown if hasattr(s, "original_bytes"))
                drawn += [int.from_bytes(codes[i : i + 2]) for i in range(0, len(codes), 2)]
    return drawn


def places(document: PdfDocument) -> dict[str, float]:
    """How far from the left each run of text begins."""
    found: dict[str, float] = {}

    def see(text, cm, tm, font, size):
        if text.strip():
            found[text.strip().replace("\u00a0", " ")] = tm[4] * cm[0] + cm[4]

    for page in read(document).pages:
        page.extract_text(visitor_text=see)
    return found


def test_title_and_language_are_the_documents_own():
    reader = read(PdfDocument("كشف الزكاة", "ar", created_at=datetime(2026, 11, 23, tzinfo=UTC)))
    assert reader.metadata.title == "كشف الزكاة"
    assert reader.metadata.creation_date == datetime(2026, 11, 23, tzinfo=UTC)
    assert reader.trailer["/Root"]["/Lang"] == "ar"


@pytest.mark.parametrize("lang", ["en", "en-GB", "zh_TW", "", "no language", "\x00"])
def test_whatever_the_language_is_called_there_is_a_document(lang):
    assert "Statement" in text_of(PdfDocument("Statement", lang))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_its_glyphs(script):
    text = SCRIPTS[script]
    document = PdfDocument("T").paragraph(text).table(FIGURES, [[text, "1.00"]], [text, ""])
    assert 0 not in glyphs(document)
    assert pdf.REPLACEMENT not in text_of(document)


@pytest.mark.parametrize("script", sorted(COPIED))
def test_a_name_can_be_copied_out_again(script):
    text = text_of(PdfDocument("T").key_values([("Name", SCRIPTS[script])]))
    assert all(word in text for word in SCRIPTS[script].split())


def test_what_no_font_can_draw_is_replaced_visibly(monkeypatch):
    assert text_of(PdfDocument("T").paragraph("a\ue000b")).splitlines().count("a\ufffdb") == 1
    monkeypatch.setattr(pdf, "_supported_characters", lambda: range(0x110000))
    assert 0 in glyphs(PdfDocument("T").paragraph("\ue000")), "else the test of glyphs sees nothing"


def test_a_name_in_arabic_is_joined():
    apart = glyphs(PdfDocument("T").paragraph("ب ب ب"), "PlexSansArabic")
    joined = glyphs(PdfDocument("T").paragraph("ببب"), "PlexSansArabic")
    assert (len(apart), len({*apart})) == (3, 1)
    assert (len(joined), len({*joined})) == (3, 3), "one to begin, one between, one to end"


def test_arabic_reads_from_the_right_and_figures_in_it_from_the_left():
    at = places(PdfDocument("T").paragraph("دفع محمد 1,234.56 USD لنا"))
    assert at["دفع"] > at["محمد"] > at["1,234.56"] > at["USD"] > at["لنا"]


def test_a_quoted_name_leaves_the_sentence_in_order():
    at = places(PdfDocument("T").paragraph(f"{bidi_isolate('محمد')} 12.00 then 34.00"))
    assert at["محمد"] < at["12.00"] < at["then"] < at["34.00"]
    bare = places(PdfDocument("T").paragraph("Pay محمد 12.00 then"))
    assert bare["محمد"] > bare["12.00"], "which is what isolation is for"


def test_a_quoted_name_cannot_end_its_quotation():
    assert bidi_isolate("a\u2069b\u2068") == "\u2068ab\u2069"


@pytest.mark.parametrize("control", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067")
def test_controls_of_direction_change_nothing(control):
    plain = PdfDocument("T").table(FIGURES, [["Ali 500.00", "1.00"]], ["Ali", "1.00"])
    forged = PdfDocument("T").table(
        FIGURES, [[f"Ali {control}500.00", f"{control}1.00"]], [f"{control}Ali", "1.00"]
    )
    assert forged.bytes() == plain.bytes()


def test_an_arabic_cell_leaves_the_other_cells_of_its_row_in_place():
    rows = [[name, "1,234.56 USD"] for name in ("Ali", "محمد 9.00 (أ)")]
    ali, arabic = (places(PdfDocument("T").table(FIGURES, [row])) for row in rows)
    assert ali["1,234.56 USD"] == pytest.approx(arabic["1,234.56 USD"])
    assert max(x for run, x in arabic.items() if run in rows[1][0]) < arabic["1,234.56 USD"]


def test_joiners_stay_because_scripts_need_them():
    parted = glyphs(PdfDocument("T").paragraph("ب\u200cب"), "PlexSansArabic")
    assert len({*parted}) == 1, "each stands alone"


def test_head_and_page_number_are_on_every_page_and_totals_on_the_last():
    rows = [[f"Instalment {n:02}", f"{n},000.00"] for n in range(1, 81)]
    pages = read(
        PdfDocument("T", footer="Statement of 23 November").table(FIGURES, rows, ["Total", "9.00"])
    ).pages
    texts = [page.extract_text() for page in pages]
    assert len(texts) > 1
    for n, text in enumerate(texts, 1):
        assert "Amount" in text
        assert f"Page {n} of {len(texts)}" in text
        assert "Statement of 23 November" in text
        assert ("Total" in text) == (n == len(texts))
    assert [sum(f"Instalment {n:02}" in text for text in texts) for n in range(1, 81)] == [1] * 80


def test_page_numbers_can_be_counted_in_another_language():
    assert "Seite 1 von 1" in text_of(PdfDocument("T", "de", page_label="Seite {page} von {pages}"))


def test_a_row_that_fits_a_page_is_not_parted_by_its_end():
    rows = [["filler", ""]] * 37 + [["First line\nsecond line\nthird line\nfourth line", "7.00"]]
    for blank in range(8):
        pages = read(PdfDocument("T").table(FIGURES, rows[blank:])).pages
        texts = [page.extract_text() for page in pages]
        assert sum("First line" in text or "fourth line" in text for text in texts) == 1


def test_a_row_taller_than_a_page_goes_on_over_to_the_next():
    found = []
    for page in read(
        PdfDocument("T").table(FIGURES, [["word " * 2000, "7.00"]], ["Sum", ""])
    ).pages:
        page.extract_text(
            visitor_text=lambda text, cm, tm, *_: found.append((text, tm[5] * cm[3] + cm[5]))
        )
    lines = [height for text, height in found if "word" in text]
    assert len(lines) > 100
    assert min(lines) > 60, "nothing is drawn over the foot of the page"


def test_a_long_word_wraps_inside_its_column():
    lines = text_of(
        PdfDocument("T").table([Column("A", 1), Column("B", 1)], [["W" * 500, "beside"]])
    )
    widths = [line.replace("\u200b", "").count("W") for line in lines.splitlines()]
    assert sum(widths) == 500
    assert max(widths) <= 30, "half of 170 mm holds fewer"


def test_an_amount_stays_whole_beside_a_long_text():
    rows = [["many words " * 40, "123,456,789,012.345 KWD"]]
    assert "123,456,789,012.345 KWD" in text_of(PdfDocument("T").table(FIGURES, rows))


@pytest.mark.parametrize("kind", NASTY)
def test_nasty_text_is_set_in_good_time(kind):
    text, began = NASTY[kind], time.monotonic()
    document = PdfDocument(text, footer=text).heading(text).paragraph(text).note(text)
    document.key_values([(text, text)]).clauses([text, (text, text)]).signatures([text])
    document.table([Column(text, 1), Column("", 0), *FIGURES], [[text, text, "", text]], [text] * 4)
    document.bars(text, [(text, Decimal(1))], unit=text)
    assert document.bytes().startswith(b"%PDF-")
    assert time.monotonic() - began < 30, "some seconds on a slow machine"
    assert 0 not in glyphs(PdfDocument("T").paragraph(text))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60), st.text("क्ि\u200d\u200c\u0301\u202eم1 \n", max_size=60))
def test_any_text_is_set(one, other):
    document = PdfDocument(one, footer=other).key_values([(one, other)]).heading(other)
    assert document.table(FIGURES, [[one, other]], [other, one]).bytes().startswith(b"%PDF-")


def test_large_documents_do_not_stay_in_memory():
    def resident():
        return psutil.Process().memory_info().rss / 1024 / 1024

    def varied(n):
        words = " ".join(f"{word}{n * 100 + i}" for i in range(30) for word in SCRIPTS.values())
        return [[f"{n} {words}", f"{row}.00"] for row in range(3)]

    for n in range(10):
        PdfDocument("T").table(FIGURES, varied(n)).bytes()
        if n == 2:
            before = resident()
    assert resident() - before < 25, "megabytes"


def test_no_document_tells_the_version_of_what_made_it():
    document = PdfDocument("Typst 0.15.1").paragraph("x")
    made = read(document)
    assert made.metadata.creator.strip() == "Typst"
    assert made.metadata.title == "Typst 0.15.1"
    assert document.bytes().count(b"Typst 0.") == 2  # in the title, which is told twice


def test_what_looks_like_markup_is_only_text():
    assert NASTY["markup"] in text_of(PdfDocument("T").paragraph(NASTY["markup"]))


def test_bars_are_as_long_as_their_amounts():
    values = [("2023", Decimal(0)), ("2024", Decimal("2500.50")), ("2025", Decimal("5001.00"))]
    document = PdfDocument("T").bars("Zakat by year", values, unit="USD")
    page = read(document).pages[0]
    drawn = ContentStream(page.get_contents(), None).operations
    widths = [
        float(corner[0])
        for (start, _), (corner, _), (_, operator) in zip(drawn, drawn[1:], drawn[4:], strict=False)
        if operator == b"h" and start == [0, 0]
    ]
    text = page.extract_text()
    assert all(said in text for said in ("Zakat by year", "USD", "2023", "0", "2,500.50", "5,001"))
    assert len(widths) == 2, "nothing is drawn for nothing"
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)


@pytest.mark.parametrize("many", [0, 1, 5, 15])
def test_a_chart_may_have_any_number_of_bars(many):
    text = text_of(PdfDocument("T").bars("By year", [(f"{n}", Decimal(n)) for n in range(many)]))
    assert text.count("\n") >= many


def test_clauses_are_numbered_through_the_document():
    document = PdfDocument("T").clauses(["One", ("Head", "Two")]).heading("More").clauses(["Three"])
    text = text_of(document)
    assert [text.index(f"{n}.") for n in (1, 2, 3)] == sorted(
        text.index(f"{n}.") for n in (1, 2, 3)
    )
    assert text.index("More") < text.index("3.") < text.index("Three")


def test_each_party_has_room_to_sign():
    text = text_of(PdfDocument("T").signatures(["Institution", "Client"], ["Signature", "Date"]))
    assert [text.count(word) for word in ("Institution", "Client", "Signature")] == [1, 1, 2]


def test_a_row_has_as_many_cells_as_there_are_columns():
    with pytest.raises(ValueError, match="shorter"):
        PdfDocument("T").table(FIGURES, [["only a name"]])


def test_the_same_blocks_give_the_same_bytes_and_few_of_them():
    first, second = (PdfDocument("T").key_values(SCRIPTS.items()).bytes() for _ in range(2))
    assert first == second
    assert len(first) < 200_000


def test_a_process_that_makes_no_document_does_not_load_the_typesetter():
    code = "import sys, app.integrations.pdf; sys.exit('typst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
