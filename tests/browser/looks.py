"""Measurable checks of a page's looks: it fits the screen and can be read."""

from typing import Any

# Every piece of visible text with the colours it is painted in; WCAG's formula for their contrast.
_FAINT = """() => {
  const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const clear = colour => parts(colour)[3] === 0;
  const light = colour => parts(colour).slice(0, 3)
    .map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!clear(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
    if (!text || element.matches("script, style") || !element.getClientRects().length) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const [low, high] = [light(style.color), light(ground(element))].sort((one, other) => one - other);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) faint.push([text.slice(0, 40), style.color, ground(element), ratio]);
  }
  return faint;
}"""
_NAMELESS = """() => [...document.querySelectorAll("a, button, iframe, [tabindex]")]
  .filter(each => !(each.innerText || each.title || each.ariaLabel))
  .map(each => each.outerHTML)"""
_WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def good(page: Any) -> None:
    """Assert the rules of every page: a title, one heading, a language, named controls, contrast, width."""
    assert page.title()
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.evaluate(_NAMELESS) == []
    assert page.evaluate(_FAINT) == []
    needed, available = page.evaluate(_WIDTHS)
    assert needed <= available


def good_on(page: Any, width: int, scheme: str = "light") -> None:
    """Assert the rules of every page for an open page, at this screen width and colour scheme."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 740})
    good(page)
