/** Checks that run inside a page, as source text: what sticks out sideways, a broken outline, text that is hard to see. */

/** Elements that make the page scroll sideways; a box that scrolls by itself may hold anything. */
export const overflowing = `(() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const out = [...document.querySelectorAll('body *')].filter(
    element => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.scroll'),
  );
  return out.map(element => element.tagName.toLowerCase() + ' ' + element.className);
})()`;

/** Language, one h1, no level left out, names of images, regions and sections, headers with a scope, unique ids. */
export const outlineFaults = `(() => {
  const faults = [];
  if (!document.documentElement.lang) faults.push('no language');
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
  let level = 0;
  for (const heading of document.querySelectorAll('h1,h2,h3,h4')) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push('h' + next + ' after h' + level + ': ' + heading.textContent);
    level = next;
  }
  for (const image of document.querySelectorAll('svg'))
    if (image.getAttribute('aria-hidden') !== 'true' && !(image.getAttribute('role') === 'img' && image.getAttribute('aria-label')))
      faults.push('an image without a name');
  for (const region of document.querySelectorAll('[role=region],nav'))
    if (!region.getAttribute('aria-label')) faults.push('a region without a name');
  for (const box of document.querySelectorAll('.scroll')) if (box.tabIndex !== 0) faults.push('a box that no key reaches');
  for (const section of document.querySelectorAll('section'))
    if (!document.getElementById(section.getAttribute('aria-labelledby'))?.textContent) faults.push('a section without a name');
  for (const header of document.querySelectorAll('th')) if (!header.scope) faults.push('a header without scope: ' + header.textContent);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) faults.push('an id twice');
  for (const link of document.querySelectorAll('a[href^="#"]')) if (!document.querySelector(link.getAttribute('href'))) faults.push('a link to nowhere');
  return faults;
})()`;

/** Text under a contrast of 4.5 to what is behind it (WCAG 2.2, 1.4.3, which allows 3 for large text; we do not). */
export const contrastFaults = `(() => {
  const parse = text => {
    const parts = text.match(/[\\d.]+/g).map(Number);
    return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 };
  };
  const luminance = rgb => {
    const [r, g, b] = rgb.map(value => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    if (!element) return [255, 255, 255];
    const { rgb, alpha } = parse(getComputedStyle(element).backgroundColor);
    if (alpha === 1) return rgb;
    const below = behind(element.parentElement);
    return rgb.map((value, i) => alpha * value + (1 - alpha) * below[i]);
  };
  const faults = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.textContent.trim() === '' || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const [text, ground] = [element.closest('svg') ? style.fill : style.color, behind(element)].map((colour, i) =>
      luminance(i === 0 ? parse(colour).rgb : colour),
    );
    const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (contrast < 4.5) faults.push(contrast.toFixed(2) + ': ' + node.textContent.trim().slice(0, 40));
  }
  return [...new Set(faults)];
})()`;
