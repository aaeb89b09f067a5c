"""The mails as a reader's program shows them."""

import shutil

import pytest

from tests.report import look

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def test_what_is_pictured_is_every_kind_of_mail_and_one_whose_pictures_are_blocked():
    assert set(look.PAGES) == {"day", "quiet", "restated", "week", "month", "blocked"}
    assert "data:image" not in look.PAGES["blocked"]
    assert 'alt="' in look.PAGES["blocked"]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_reader_sees_all_of_a_mail_in_the_scheme_it_asks_for(scheme: str):
    shot = look.picture(str(CHROMIUM), look.PAGES["quiet"], look.WIDTHS[0], look.SCHEMES[scheme])
    ground = shot.getpixel((1, 1))
    assert isinstance(ground, tuple)
    assert shot.width == look.WIDTHS[0]
    assert 200 < shot.height < look.TALL
    assert (sum(ground) > 3 * 200) is (scheme == "light")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("width", look.WIDTHS)
def test_no_words_of_a_full_mail_lie_across_others_and_its_figures_stand_at_the_right(width: int):
    found = look.laid_out(str(CHROMIUM), look.PAGES["restated"], width)
    assert (found["across"], found["outside"], found["left"]) == ([], [], [])
    assert found["lines"] > 300
    assert found["figures"] > 80


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("page", ["week", "month"])
def test_no_words_of_a_week_or_a_month_lie_across_others_on_a_narrow_page(page: str):
    found = look.laid_out(str(CHROMIUM), look.PAGES[page], look.WIDTHS[0])
    assert (found["across"], found["outside"], found["left"]) == ([], [], [])
    assert found["figures"] > 40


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_words_across_others_and_figures_at_the_left_are_found():
    wrong = """<body><p style="position:absolute;top:5px">one line</p><p style="position:absolute;top:8px">another</p>
    <table width="400" style="margin-top:90px"><tr>
    <td align="right" style="text-align:left">1,000.00</td></tr></table></body>"""
    found = look.laid_out(str(CHROMIUM), wrong, look.WIDTHS[0])
    assert found["across"] == ["one line / another"]
    assert found["left"] == ["1,000.00"]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", look.WIDTHS)
def test_every_word_of_a_mail_stands_out_from_its_ground(width: int, scheme: str):
    found = look.pale(str(CHROMIUM), look.PAGES["restated"], width, look.SCHEMES[scheme])
    assert found["pale"] == []
    assert found["asked"] > 250


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_words_too_pale_to_be_read_are_found():
    wrong = '<body><p style="color:#1d6b45;opacity:.75">pale</p><p style="color:#1d6b45">green</p></body>'
    assert look.pale(str(CHROMIUM), wrong, look.WIDTHS[0], look.SCHEMES["light"]) == {
        "asked": 2,
        "pale": ["pale"],
    }
