"""The book as a reader has it before the eyes: small or wide, light or dark, by keyboard alone."""

from tools.lessons.figures import LEAST, TEXT

SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1440, "height": 900}}
SCHEMES = ("light", "dark")
# What is wider than its place and cannot be scrolled to, in the page or in a box of it.
CUT = """() => {
  const scrolls = (one) => {
    for (let at = one.parentElement; at && at !== document.body; at = at.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX)) return true;
    return false;
  };
  const wide = document.documentElement.clientWidth;
  return [...document.querySelectorAll('.bd-article :is(table, img, pre, fieldset)')]
    .filter((one) => one.getBoundingClientRect().right > wide + 1 && !scrolls(one))
    .map((one) => one.outerHTML.slice(0, 120));
}"""
# Matplotlib's text of 10 points at the density of `Figure`, as the screen shows it.
SMALL = """([least, natural]) => [...document.querySelectorAll('.bd-article img[width]')]
  .filter((one) => one.getBoundingClientRect().width)
  .map((one) => natural * one.getBoundingClientRect().width / one.getAttribute('width'))
  .filter((size) => size < least - 0.05)"""
PAGE_SCROLLS = "() => document.documentElement.scrollWidth > innerWidth + 1"
NATURAL = TEXT * 110 / 72


def faults_of_form(page) -> list[str]:
    """Tables, figures and code that are cut, text of figures that is too small."""
    found = [f"cut: {each}" for each in page.evaluate(CUT)]
    small = page.evaluate(SMALL, [LEAST, NATURAL])
    found += [f"text of a figure of {size:.1f} px" for size in small]
    return found + (["the page scrolls sideways"] if page.evaluate(PAGE_SCROLLS) else [])


def turn(page, book) -> list[str]:
    """Turns each setting of a flip-book once by keyboard; what did not follow."""
    wrong, image, spoken = [], book.locator("img").first, book.locator("[role=status]")
    for place in range(book.locator(".settings > *").count()):
        control = book.locator(".settings > *").nth(place)
        field = control.locator("input[type=range], input:checked").first
        before = image.get_attribute("src"), spoken.inner_text()
        field.focus()
        page.keyboard.press("ArrowLeft")
        if (image.get_attribute("src"), spoken.inner_text()) == before:
            page.keyboard.press("ArrowRight")
        src, said = image.get_attribute("src"), spoken.inner_text()
        image.evaluate("one => one.decode()")
        if src == before[0] or said == before[1] or image.get_attribute("alt") != said:
            wrong.append(f"{control.inner_text()[:40]!r} turned nothing")
    return wrong


def answer(page, form) -> set[str]:
    """Picks each answer of a question by keyboard; the verdicts that came."""
    name, verdicts = form.get_attribute("data-name"), set()
    buttons = form.locator("input[type=radio]")
    place = page.locator(f'.answer[data-name="{name}"] .verdict')
    is_quiz = form.get_attribute("data-kind") == "quiz" or not place.count()
    told = form.locator("[role=status]") if is_quiz else place.first
    assert "Right" not in told.inner_text() and "Not so" not in told.inner_text()
    buttons.first.focus()
    page.keyboard.press("Space")
    for _ in range(buttons.count()):
        verdicts.add(told.inner_text().split(":")[0].strip())
        assert form.locator("[role=status]").inner_text()
        page.keyboard.press("ArrowDown")
    return verdicts
