/*
 * Runs before the page is shown: a theme that was chosen before must not appear only after the other one. From disk
 * some browsers keep nothing; then the system's theme counts.
 */
try {
  const kept = localStorage.getItem('paperweight.theme');
  if (kept === 'light' || kept === 'dark') document.documentElement.dataset.theme = kept;
} catch {
  // Storage is not allowed here.
}
