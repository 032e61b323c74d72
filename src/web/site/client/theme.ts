/*
 * Runs before the page is shown, so that a reader who chose a theme does not see the other one first. Some browsers
 * store nothing for pages that are opened from disk; then the system's theme is used.
 */
try {
  const kept = localStorage.getItem('paperweight.theme');
  if (kept === 'light' || kept === 'dark') document.documentElement.dataset.theme = kept;
} catch {
  // Storage is not allowed here.
}
