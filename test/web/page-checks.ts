/**
 * Looked at inside a page: what people with a keyboard, a screen reader, a phone or weak eyes would stumble over. Gives a list of
 * what is wrong.
 */
export const PAGE_CHECKS = `(() => {
  const wrong = [];
  const describe = element => element.outerHTML.slice(0, 120);
  const isShown = element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const nameOf = element => element.getAttribute('aria-label') ?? element.textContent.trim();
  if (document.documentElement.lang !== 'en') wrong.push('no language');
  if (document.title === '') wrong.push('no title');
  for (const [selector, count] of [['h1', 1], ['main', 1], ['header.bar', 1], ['footer', 1], ['form[role=search]', 1]]) {
    if (document.querySelectorAll(selector).length !== count) wrong.push('not one ' + selector);
  }
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of ids) if (ids.filter(other => other === id).length > 1) wrong.push('id twice: ' + id);
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    if (isShown(field) && field.labels.length === 0 && !field.ariaLabel) wrong.push('no label: ' + describe(field));
    const hint = field.getAttribute('aria-describedby');
    if (hint && !document.getElementById(hint)) wrong.push('no hint: ' + describe(field));
  }
  for (const control of document.querySelectorAll('a, button, summary')) {
    if (nameOf(control) === '') wrong.push('no name: ' + describe(control));
  }
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) {
    wrong.push('wider than the window: ' + document.documentElement.scrollWidth);
  }
  const parse = colour => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== 'none') return undefined;
      const colour = parse(style.backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
      if (colour[3] > 0) return undefined;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === '' || !isShown(element) || element.closest('[aria-hidden=true], script')) continue;
    const style = getComputedStyle(element);
    const back = ground(element);
    const front = parse(style.color);
    if (!back || (front[3] ?? 1) < 1) continue;
    const [light, dark] = [luminance(front), luminance(back)].toSorted((one, other) => other - one);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < least) wrong.push('contrast ' + ratio.toFixed(2) + ': ' + describe(element));
  }
  return wrong;
})()`;
