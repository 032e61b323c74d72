import { remember } from '../../app/storage.js';

/** The button that changes between light and dark; what was chosen is kept. */
export function startTheme(): void {
  const button = document.querySelector<HTMLButtonElement>('[data-theme-button]');
  if (!button) return;
  const root = document.documentElement;
  button.hidden = false;
  button.addEventListener('click', () => {
    const now = root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
    root.dataset.theme = now === 'dark' ? 'light' : 'dark';
    remember('theme', root.dataset.theme);
  });
}
