import { startCharts } from './chart.js';
import { startSearch } from './search.js';
import { startTheme } from './theme-button.js';

/* What the pages of a site do by themselves. Everything that they show is in their HTML already. */
startTheme();
startCharts();
startSearch();
// Printed pages show the folded evidence too.
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});
