/**
 * The script of every page, small enough to stand in it. The site works whole without: it copies commands, closes the user menu when
 * something else is looked at, asks again before what can not be undone, and takes a notice out of the address.
 */
export const SCRIPT = `
'use strict';
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard;
  const label = button.textContent;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
const menu = document.querySelector('details.menu');
if (menu) {
  document.addEventListener('click', event => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || !menu.open) return;
    menu.open = false;
    menu.querySelector('summary').focus();
  });
}
for (const select of document.querySelectorAll('[data-submit]')) {
  select.form.querySelector('button').hidden = true;
  select.addEventListener('change', () => select.form.requestSubmit());
}
const url = new URL(location);
if (url.searchParams.has('done')) {
  url.searchParams.delete('done');
  history.replaceState(null, '', url);
}
`;
