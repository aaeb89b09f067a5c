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
