"""The browser hears and sees what is wrong: a test that could not fail would be none."""

import pytest

from tests.repository.browser.chromium import listening, violations

IMAGE = "<details><summary>More</summary><img src='data:,'></details>"


@pytest.mark.browser
def test_errors_and_violations_are_noticed(page):
    errors = listening(page)
    page.set_content(f"<html lang='en'><title>x</title><main><h1>x</h1>{IMAGE}</main></html>")
    page.evaluate("() => console.error('broken')")
    assert [line for line in violations(page) if line.startswith("image-alt (critical), 1 times")]
    pale = "<html lang='en'><title>x</title><main style='background: #ccc; color: #ccc'><h1>x</h1>"
    page.set_content(pale)
    assert [line for line in violations(page) if line.startswith("color-contrast")]
    assert "broken" in errors[-1] or "broken" in errors[0]
