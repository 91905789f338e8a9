"""The text and layout of PDF documents, read back from the file."""

import io
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.generic import ContentStream

from app.integrations import pdf_text, typesetter
from app.integrations.pdf import Column, PdfDocument, Verification
from app.integrations.pdf_text import bidi_isolate, truncate

from ..support.files import make_png

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
    "Telugu": "తెలుగు",
    "Thai": "ภาษาไทย",
    "Chinese": "中文漢字简体",
    "Japanese": "日本語ひらがなカタカナ",
    "Korean": "한국어",
    "emoji": "😀🕌💰",
    "signs": "€ ₺ ₽ ₹ ﷼ ﷺ ✓ →",
    "Amharic": "አማርኛ",
    "Khmer": "ភាសាខ្មែរ",
}
COPYABLE = {*SCRIPTS} - {
    "Vowelled Arabic",
    "Telugu",
    "Thai",
    "Khmer",
    "Persian",
    "Tamil",
    "Bengali",
    "signs",
    "Devanagari",
}
CODE = Verification("Verify", "0000-0000-0000-0000", "https://give.example.org/verify/0")
COLUMNS = [Column("Name", 1), Column("Amount", 0, "end")]
DIFFICULT = {
    "one long word": "A" * 5000,
    "one long Arabic word": "م" * 5000,
    "one long Hebrew word": "א" * 2500,
    "Thai without blanks": "ก" * 5000,
    "a long note": "word " * 2000,
    "one long syllable": "क्" * 2500,
    "one endless emoji": "👨\u200d" * 2500,
    "conjoining letters": "\u1100" * 5000,
    "a stack of combining marks": "Z" + "\u0301" * 5000,
    "control characters": "a\x00\x07\x1b[31m\x7f\x85b",
    "lone surrogates": "\ud800 \udfff",
    "newlines": "\r\n" * 5000 + "x\u2028y\x0bz",
    "markup": '#import "x": * $a$ *b* `c` \\ @d <e> // /* #{',
    "overrides": "\u202a\u202b\u202d\u202e\u2066\u2067\u2068",
    "an empty text": "",
    "characters without a glyph": "\ue000\U00012000\uffff",
}


def read_pdf(document: PdfDocument) -> PdfReader:
    return PdfReader(io.BytesIO(document.bytes()))


def read_text(document: PdfDocument) -> str:
    text = "\n".join(page.extract_text() for page in read_pdf(document).pages)
    return text.replace("\u00a0", " ")


def glyph_ids(document: PdfDocument, font: str = "") -> list[int]:
    """Return the glyph ids drawn in fonts whose name contains ``font``; 0 is a missing glyph."""
    reader, drawn = read_pdf(document), []
    for page in reader.pages:
        fonts = {key: str(value["/BaseFont"]) for key, value in page["/Resources"]["/Font"].items()}
        current = ""
        for operands, operator in ContentStream(page.get_contents(), reader).operations:
            if operator == b"Tf":
                current = fonts[operands[0]]
            elif operator in (b"TJ", b"Tj") and font in current:
                parts = operands[0] if operator == b"TJ" else operands
                codes = b"".join(s.original_bytes for s in parts if hasattr(s, "original_bytes"))
                drawn += [int.from_bytes(codes[i : i + 2]) for i in range(0, len(codes), 2)]
    return drawn


def x_positions(document: PdfDocument) -> dict[str, float]:
    """Return the distance from the left of each run of text."""
    positions: dict[str, float] = {}

    def visit(text, cm, tm, font, size):
        if text.strip():
            positions[text.strip().replace("\u00a0", " ")] = tm[4] * cm[0] + cm[4]

    for page in read_pdf(document).pages:
        page.extract_text(visitor_text=visit)
    return positions


@pytest.mark.parametrize(
    ("text", "shortened"),
    [
        ("short", "short"),
        ("a car of white colour", "a car of white…"),
        ("سيارة لون أبيض ناصع", "سيارة لون أبيض…"),
        ("x" * 30, f"{'x' * 15}…"),
    ],
)
def test_a_long_text_is_cut_at_the_end_of_a_word(text, shortened):
    assert truncate(text, 16) == shortened


def test_a_heading_and_its_note_stay_with_the_table_below():
    for lines in range(30, 38, 2):
        document = PdfDocument("Report")
        for n in range(lines):
            document.paragraph(f"line {n}")
        years = [("2026", [(str(n), "Mon 1 Jan", "", "1.00") for n in range(1, 13)])]
        document.heading("Instalments").note("These dates apply.").schedule(years, ["Total", "12"])
        pages = [page.extract_text() for page in read_pdf(document).pages]
        (page,) = [text for text in pages if "Instalments" in text]
        assert "These dates apply." in page
        assert "Mon 1 Jan" in page, lines


def test_the_pdf_has_the_documents_title_and_language():
    created_at = datetime(2026, 11, 23, tzinfo=UTC)
    reader = read_pdf(PdfDocument("كشف الزكاة", "ar", created_at=created_at))
    assert reader.metadata.title == "كشف الزكاة"
    isolated = PdfDocument("كشف \u2068S-1\u2069", lang="ar").paragraph("x").bytes()
    assert PdfReader(io.BytesIO(isolated)).metadata.title == "كشف S-1"
    assert reader.metadata.creation_date == created_at
    assert reader.trailer["/Root"]["/Lang"] == "ar"


@pytest.mark.parametrize("lang", ["en", "en-GB", "zh_TW", "", "no language", "\x00"])
def test_an_unknown_language_still_gives_a_document(lang):
    assert "Statement" in read_text(PdfDocument("Statement", lang))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_its_glyphs(script):
    text = SCRIPTS[script]
    document = PdfDocument("T").paragraph(text).table(COLUMNS, [[text, "1.00"]], [text, ""])
    assert 0 not in glyph_ids(document)
    assert pdf_text.REPLACEMENT not in read_text(document)


@pytest.mark.parametrize("script", sorted(COPYABLE))
def test_a_name_can_be_copied_from_the_pdf(script):
    text = read_text(PdfDocument("T").key_values([("Name", SCRIPTS[script])]))
    assert all(word in text for word in SCRIPTS[script].split())


def test_a_character_without_a_glyph_is_replaced_visibly(monkeypatch):
    assert read_text(PdfDocument("T").paragraph("a\ue000b")).splitlines().count("a\ufffdb") == 1
    monkeypatch.setattr(pdf_text, "_supported_characters", lambda: range(0x110000))
    assert 0 in glyph_ids(PdfDocument("T").paragraph("\ue000")), "glyph_ids() misses missing glyphs"


def test_arabic_letters_are_joined():
    separate = glyph_ids(PdfDocument("T").paragraph("ب ب ب"), "PlexSansArabic")
    joined = glyph_ids(PdfDocument("T").paragraph("ببب"), "PlexSansArabic")
    assert (len(separate), len({*separate})) == (3, 1)
    assert (len(joined), len({*joined})) == (3, 3), "an initial, a medial and a final form"


def test_arabic_runs_from_the_right_and_numbers_in_it_from_the_left():
    at = x_positions(PdfDocument("T").paragraph("دفع محمد 1,234.56 USD لنا"))
    assert at["دفع"] > at["محمد"] > at["1,234.56"] > at["USD"] > at["لنا"]


def test_an_isolated_name_leaves_the_sentence_in_order():
    at = x_positions(PdfDocument("T").paragraph(f"{bidi_isolate('محمد')} 12.00 then 34.00"))
    assert at["محمد"] < at["12.00"] < at["then"] < at["34.00"]
    bare = x_positions(PdfDocument("T").paragraph("Pay محمد 12.00 then"))
    assert bare["محمد"] > bare["12.00"], "without isolation the order changes"


def test_an_isolated_name_cannot_end_its_isolation():
    assert bidi_isolate("a\u2069b\u2068") == "\u2068ab\u2069"


@pytest.mark.parametrize("control", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067")
def test_bidi_control_characters_change_nothing(control):
    plain = PdfDocument("T").table(COLUMNS, [["Ali 500.00", "1.00"]], ["Ali", "1.00"])
    forged = PdfDocument("T").table(
        COLUMNS, [[f"Ali {control}500.00", f"{control}1.00"]], [f"{control}Ali", "1.00"]
    )
    assert forged.bytes() == plain.bytes()


def test_an_arabic_cell_leaves_the_other_cells_of_its_row_in_place():
    rows = [[name, "1,234.56 USD"] for name in ("Ali", "محمد 9.00 (أ)")]
    ali, arabic = (x_positions(PdfDocument("T").table(COLUMNS, [row])) for row in rows)
    assert ali["1,234.56 USD"] == pytest.approx(arabic["1,234.56 USD"])
    assert max(x for run, x in arabic.items() if run in rows[1][0]) < arabic["1,234.56 USD"]


def test_zero_width_non_joiners_are_preserved():
    separate = glyph_ids(PdfDocument("T").paragraph("ب\u200cب"), "PlexSansArabic")
    assert len({*separate}) == 1, "both have the isolated form"


def test_head_and_page_number_are_on_every_page_and_totals_on_the_last():
    rows = [[f"Instalment {n:02}", f"{n},000.00"] for n in range(1, 81)]
    document = PdfDocument("T", footer="Statement of 23 November")
    document.table(COLUMNS, rows, ["Total", "9.00"])
    texts = [page.extract_text() for page in read_pdf(document).pages]
    assert len(texts) > 1
    for n, text in enumerate(texts, 1):
        assert "Amount" in text
        assert f"Page {n} of {len(texts)}" in text
        assert "Statement of 23 November" in text
        assert ("Total" in text) == (n == len(texts))
    assert [sum(f"Instalment {n:02}" in text for text in texts) for n in range(1, 81)] == [1] * 80


def test_page_numbers_can_be_in_another_language():
    document = PdfDocument("T", "de", page_label="Seite {page} von {pages}")
    assert "Seite 1 von 1" in read_text(document)


def test_a_row_that_fits_a_page_is_not_split():
    rows = [["filler", ""]] * 37 + [["First line\nsecond line\nthird line\nfourth line", "7.00"]]
    for blank in range(8):
        pages = read_pdf(PdfDocument("T").table(COLUMNS, rows[blank:])).pages
        texts = [page.extract_text() for page in pages]
        assert sum("First line" in text or "fourth line" in text for text in texts) == 1


def test_a_row_taller_than_a_page_continues_on_the_next():
    runs = []

    def visit(text, cm, tm, *_):
        runs.append((text, tm[5] * cm[3] + cm[5]))

    document = PdfDocument("T").table(COLUMNS, [["word " * 2000, "7.00"]], ["Sum", ""])
    for page in read_pdf(document).pages:
        page.extract_text(visitor_text=visit)
    lines = [height for text, height in runs if "word" in text]
    assert len(lines) > 100
    assert min(lines) > 60, "nothing is drawn over the foot of the page"


def test_a_long_word_wraps_inside_its_column():
    lines = read_text(
        PdfDocument("T").table([Column("A", 1), Column("B", 1)], [["W" * 500, "beside"]])
    )
    widths = [line.replace("\u200b", "").count("W") for line in lines.splitlines()]
    assert sum(widths) == 500
    assert max(widths) <= 30, "half of 170 mm holds fewer"


def test_an_amount_beside_a_long_text_is_not_broken():
    rows = [["many words " * 40, "123,456,789,012.345 KWD"]]
    assert "123,456,789,012.345 KWD" in read_text(PdfDocument("T").table(COLUMNS, rows))


@pytest.mark.parametrize("kind", DIFFICULT)
def test_difficult_text_is_rendered_in_time(kind):
    text, began = DIFFICULT[kind], time.monotonic()
    document = PdfDocument(text, footer=text).heading(text).paragraph(text).note(text)
    document.key_values([(text, text)]).clauses([text, (text, text)]).signatures([text])
    document.table([Column(text, 1), Column("", 0), *COLUMNS], [[text, text, "", text]], [text] * 4)
    document.bars(text, [(text, Decimal(1), text)], unit=text)
    assert document.bytes().startswith(b"%PDF-")
    assert time.monotonic() - began < 30, "some seconds on a slow machine"
    assert 0 not in glyph_ids(PdfDocument("T").paragraph(text))


def test_marks_without_a_letter_are_left_out():
    marks = "\u200c\n\u094d\u093f\u093f\u093f\u200c\u093f"
    text = f"{marks} \u06451\n\u094d\u093f\u0915\n\n\u0915\u093f\u094d"
    document = PdfDocument("Receipt").key_values([("From", text)]).heading(text)
    assert document.table(COLUMNS, [[text, text]]).bytes().startswith(b"%PDF-")


def test_a_text_that_typst_cannot_shape_is_printed_without_marks(monkeypatch):
    tried = []
    typeset = typesetter.typeset

    def fail_once(document, *args):
        tried.append(str(document))
        if len(tried) == 1:
            raise typesetter.TypesetterFailed("panicked")
        return typeset(document, *args)

    monkeypatch.setattr(typesetter, "typeset", fail_once)
    document = PdfDocument("Receipt").key_values([("From", "Fatima \u0915\u093f")])
    assert "Fatima" in read_text(document)
    assert ["\u093f" in text for text in tried] == [True, False]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60), st.text("क्ि\u200d\u200c\u0301\u202eم1 \n", max_size=60))
def test_any_text_is_rendered(first, second):
    document = PdfDocument(first, footer=second).key_values([(first, second)]).heading(second)
    assert document.table(COLUMNS, [[first, second]], [second, first]).bytes().startswith(b"%PDF-")


def test_the_pdf_does_not_reveal_the_version_of_typst():
    document = PdfDocument("Typst 0.15.1").paragraph("x")
    reader = read_pdf(document)
    assert reader.metadata.creator.strip() == "Typst"
    assert reader.metadata.title == "Typst 0.15.1"
    assert document.bytes().count(b"Typst 0.") == 1  # in the title, once uncompressed


def test_markup_is_rendered_as_plain_text():
    assert DIFFICULT["markup"] in read_text(PdfDocument("T").paragraph(DIFFICULT["markup"]))


def test_bars_are_proportional_to_their_amounts():
    values = [
        ("2023", Decimal(0), "0"),
        ("2024", Decimal("2500.50"), "2,500.50"),
        ("2025", Decimal("5001.00"), "5,001"),
    ]
    document = PdfDocument("T").bars("Zakat by year", values, unit="USD")
    page = read_pdf(document).pages[0]
    drawn = ContentStream(page.get_contents(), None).operations
    widths = [
        float(corner[0])
        for (start, _), (corner, _), (_, operator) in zip(drawn, drawn[1:], drawn[4:], strict=False)
        if operator == b"h" and start == [0, 0]
    ]
    text = page.extract_text()
    for label in ("Zakat by year", "USD", "2023", "0", "2,500.50", "5,001"):
        assert label in text
    assert len(widths) == 2, "a zero has no bar"
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)


@pytest.mark.parametrize("count", [0, 1, 5, 15])
def test_a_chart_may_have_any_number_of_bars(count):
    values = [(f"{n}", Decimal(n), f"{n}") for n in range(count)]
    text = read_text(PdfDocument("T").bars("By year", values))
    assert text.count("\n") >= count


def test_clauses_are_numbered_through_the_document():
    document = PdfDocument("T").clauses(["One", ("Head", "Two")]).heading("More").clauses(["Three"])
    text = read_text(document)
    assert [text.index(f"{n}.") for n in (1, 2, 3)] == sorted(
        text.index(f"{n}.") for n in (1, 2, 3)
    )
    assert text.index("More") < text.index("3.") < text.index("Three")


def test_each_party_has_room_to_sign():
    document = PdfDocument("T").signatures(["Institution", "Client"], ["Signature", "Date"])
    text = read_text(document)
    assert [text.count(word) for word in ("Institution", "Client", "Signature")] == [1, 1, 2]


def test_the_letterhead_is_above_the_title_of_the_first_page():
    lines = ["12 King Fahd Road, Riyadh", "Charity no. 1234567"]
    document = PdfDocument("Receipt", issuer="Bait al-Mal", letterhead=lines)
    document.table(COLUMNS, [["name", "1"]] * 100)
    text = read_text(document)
    assert text.startswith("Bait al-Mal")
    assert text.index(lines[0]) < text.index(lines[1]) < text.index("Receipt")
    assert text.count(lines[0]) == 1
    assert text.count("Bait al-Mal") > 1  # at the top of each page


def test_a_logo_is_shown_on_the_first_page():
    document = PdfDocument("T", logo=("image/png", make_png(1, 300)))
    document.table(COLUMNS, [["name", "1"]] * 100)
    pages = PdfReader(io.BytesIO(document.bytes())).pages
    assert [len(page.images) for page in pages] == [1] + [0] * (len(pages) - 1)


def test_a_logo_that_typst_cannot_decode_is_left_out_and_nothing_else(caplog):
    broken = make_png(100, 100)[:60]
    document = PdfDocument("T", logo=("image/png", broken)).paragraph("Zażółć")
    assert "Zażółć" in read_text(document)
    assert "typeset again" in caplog.text


def test_a_row_must_have_a_cell_for_each_column():
    with pytest.raises(ValueError, match="longer"):
        PdfDocument("T").table(COLUMNS, [["a name", "1", "2"]])


def test_the_same_content_gives_the_same_small_file():
    first, second = (PdfDocument("T").key_values(SCRIPTS.items()).bytes() for _ in range(2))
    assert first == second
    assert len(first) < 200_000


def test_typst_is_not_imported_before_the_first_document():
    code = "import sys, app.integrations.pdf; sys.exit('typst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_document_is_tagged_in_reading_order_and_packed_without_loss():
    document = PdfDocument("Receipt", facts=[("Number", "R-1")], verification=CODE)
    document.amount("Amount", "USD 25.00", "Twenty-five").key_values([("From", "Fatima")])
    reader = PdfReader(io.BytesIO(document.bytes()), strict=True)
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    text = " ".join(reader.pages[0].extract_text().split())
    order = ["Verify", CODE.code, "Receipt", "Number R-1", "Amount USD 25.00 Twenty-five", "Fatima"]
    positions = [text.index(phrase) for phrase in order]
    assert positions == sorted(positions)


def test_only_an_address_that_a_reader_can_open_has_a_qr_code():
    with_address, without = (
        len(PdfDocument("T", verification=CODE._replace(address=address)).bytes())
        for address in ("https://give.example.org/verify/0", "/verify/0")
    )
    assert with_address > without + 500


def test_a_bilingual_pair_stands_side_by_side():
    document = PdfDocument("T", second_title="ت", second_lang="ar")
    english = {"kind": "clauses", "clauses": [["Price", "One price"]]}
    arabic = {"kind": "clauses", "clauses": [["الثمن", "ثمن واحد"]]}
    text = read_text(document.pair(english, arabic).pair(english, arabic))
    assert text.count("1.") == text.count("2.") == 2
