/*
 * Colours and fonts of reports and figures: those of the dashboard and of sites. The names are the variables of
 * src/web/styles/tokens.css, which has the same values.
 */

export const LIGHT = {
  paper: '#fbf9f4',
  sheet: '#ffffff',
  well: '#f3efe6',
  ink: '#1d1b18',
  'ink-2': '#4a453e',
  'ink-3': '#6b655b',
  rule: '#e6e0d4',
  'rule-2': '#8f887b',
  accent: '#2a5a98',
  good: '#1f6b45',
  bad: '#a3312b',
  warn: '#8a5a00',
  'line-1': '#2a5a98',
  'line-2': '#b8541a',
  'line-faint': '#9db7d8',
  'run-1': '#2a5a98',
  'run-2': '#b8541a',
  'run-3': '#237a57',
  'run-4': '#86429a',
  'run-5': '#8a6d00',
  'run-6': '#b02a4c',
  'run-7': '#1f7d8c',
  'run-8': '#5f594f',
} as const;

export type Palette = { readonly [Name in keyof typeof LIGHT]: string };

export const DARK: Palette = {
  paper: '#161512',
  sheet: '#1e1c19',
  well: '#24221e',
  ink: '#efeae0',
  'ink-2': '#c5bdb0',
  'ink-3': '#a39b8d',
  rule: '#322f2a',
  'rule-2': '#7d766a',
  accent: '#8db6ea',
  good: '#7cc79d',
  bad: '#f0938a',
  warn: '#e2b45c',
  'line-1': '#8db6ea',
  'line-2': '#eda06c',
  'line-faint': '#44597a',
  'run-1': '#8db6ea',
  'run-2': '#eda06c',
  'run-3': '#79c8a2',
  'run-4': '#cf9be0',
  'run-5': '#d9bd5a',
  'run-6': '#f08ea6',
  'run-7': '#74c6d3',
  'run-8': '#b5ad9f',
};

export const SANS =
  '"Source Sans 3","Source Sans Pro","Noto Sans CJK SC","Helvetica Neue","PingFang SC","Segoe UI","Microsoft YaHei",system-ui,sans-serif';
export const SERIF =
  '"Source Serif 4","Source Serif Pro","Noto Serif CJK SC","Iowan Old Style","Songti SC",Charter,Georgia,serif';

/** The colours as custom properties of CSS. */
export const variables = (palette: Palette): string =>
  Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
