import { render } from 'preact';
import { AppProvider } from './app/context.js';
import { Shell } from './shell.js';

const root = document.getElementById('app');
if (root)
  render(
    <AppProvider>
      <Shell />
    </AppProvider>,
    root,
  );
