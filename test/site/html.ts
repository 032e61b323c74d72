import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type DefaultTreeAdapterTypes, parse } from 'parse5';

type Node = DefaultTreeAdapterTypes.Node;
export type Element = DefaultTreeAdapterTypes.Element;

/** Paths of all files of a folder, from its root, with `/`. */
export const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();

export const attribute = (element: Element, name: string): string | undefined =>
  element.attrs.find((each) => each.name === name)?.value;

function elementsOf(node: Node): Element[] {
  const children = 'childNodes' in node ? node.childNodes.flatMap(elementsOf) : [];
  return 'tagName' in node ? [node, ...children] : children;
}

export const textIn = (node: Node): string =>
  'value' in node ? node.value : 'childNodes' in node ? node.childNodes.map(textIn).join('') : '';

/** A page: its elements, and what is wrong with its HTML. */
export interface Parsed {
  readonly html: string;
  readonly elements: readonly Element[];
  readonly errors: readonly string[];
}

export function parsePage(folder: string, path: string): Parsed {
  const html = readFileSync(join(folder, path), 'utf8');
  const errors: string[] = [];
  const document = parse(html, {
    sourceCodeLocationInfo: true,
    onParseError: ({ code, startLine, startCol }) => errors.push(`${code} at ${startLine}:${startCol}`),
  });
  const elements = elementsOf(document);
  // A tag in a place where it may not be closes others: then there are elements without a tag in the source.
  for (const element of elements)
    if (!element.sourceCodeLocation) errors.push(`<${element.tagName}> is implied: ${around(element)}`);
    else if (!element.sourceCodeLocation.endTag && !VOID.has(element.tagName) && !isSvgLeaf(element))
      errors.push(`<${element.tagName}> is closed by another tag at ${element.sourceCodeLocation.startLine}`);
  const ids = elements.flatMap((element) => attribute(element, 'id') ?? []);
  for (const id of new Set(ids))
    if (ids.indexOf(id) !== ids.lastIndexOf(id)) errors.push(`id "${id}" occurs twice`);
  for (const element of elements) {
    const { parentNode } = element;
    if (
      element.tagName === 'figcaption' &&
      !(parentNode && 'tagName' in parentNode && parentNode.tagName === 'figure')
    )
      errors.push('a figcaption that is not in a figure');
    if (element.tagName === 'img' && attribute(element, 'alt') === undefined)
      errors.push('an img without alt');
    if (element.tagName === 'p' || /^h[1-6]$/.test(element.tagName))
      for (const inner of elementsOf(element).slice(1))
        if (BLOCKS.has(inner.tagName)) errors.push(`<${inner.tagName}> in <${element.tagName}>`);
  }
  for (const element of elements) {
    const seen = (each: Element) => textIn(each).trim() !== '' || each.tagName === 'img';
    if (/^h[1-6]$/.test(element.tagName) && !elementsOf(element).some(seen))
      errors.push(`an empty ${element.tagName}`);
    const named = elements.some(
      (each) =>
        each.tagName === 'label' &&
        (elementsOf(each).includes(element) || attribute(each, 'for') === (attribute(element, 'id') ?? '')),
    );
    if (element.tagName === 'input' && !named) errors.push('an input without a label');
  }
  if (elements.filter(({ tagName }) => tagName === 'h1').length !== 1) errors.push('not one h1');
  if (elements.filter(({ tagName }) => tagName === 'title').length < 1) errors.push('no title');
  return { html, elements, errors };
}

const VOID = new Set(['area', 'base', 'br', 'col', 'hr', 'img', 'input', 'link', 'meta', 'wbr']);
const BLOCKS = new Set(['p', 'div', 'ul', 'ol', 'table', 'figure', 'pre', 'section', 'dl', 'blockquote']);
const isSvgLeaf = ({ namespaceURI }: Element): boolean => namespaceURI !== 'http://www.w3.org/1999/xhtml';
const around = (element: Element): string => textIn(element).slice(0, 40);

/** Places that a page refers to: links, images, scripts and styles. */
export const referencesOf = ({ elements }: Parsed): { readonly element: Element; readonly url: string }[] =>
  elements.flatMap((element) =>
    ['href', 'src', 'xlink:href'].flatMap((name) => {
      const url = attribute(element, name);
      return url === undefined ? [] : [{ element, url }];
    }),
  );

/** Links of a page, within the site, to files or anchors that do not exist. */
export function brokenLinks(
  folder: string,
  path: string,
  page: Parsed,
  cache: Map<string, Parsed>,
): string[] {
  const files = new Set(filesOf(folder));
  return referencesOf(page).flatMap(({ url }) => {
    if (/^[a-z]+:/i.test(url)) return [];
    const [place = '', anchor = ''] = url.split('#');
    const target = place === '' ? path : new URL(place, `file:///${path}`).pathname.slice(1);
    const file = decodeURIComponent(target);
    if (!files.has(file)) return [`${path}: ${url}`];
    if (anchor === '') return [];
    const other = cache.get(file) ?? parsePage(folder, file);
    cache.set(file, other);
    const there = other.elements.some((each) => attribute(each, 'id') === decodeURIComponent(anchor));
    return there ? [] : [`${path}: ${url}`];
  });
}

/** What a strict policy would forbid, or what would be loaded from elsewhere. */
export function unsafeParts({ elements }: Parsed): string[] {
  const policy = elements.find((each) => attribute(each, 'http-equiv') === 'Content-Security-Policy');
  assert.ok(policy, 'a page without a policy');
  const rules = attribute(policy, 'content')!;
  assert.match(rules, /default-src 'none'/);
  assert.doesNotMatch(rules, /unsafe-inline|'unsafe-eval'|https?:|\*/);
  return elements.flatMap((element) => {
    const bad: string[] = [];
    for (const { name, value } of element.attrs) {
      if (name.startsWith('on') || name === 'style') bad.push(`${element.tagName} ${name}="${value}"`);
      if (/^\s*(javascript|vbscript|data):/i.test(value) && element.tagName !== 'img')
        bad.push(`${element.tagName} ${name}="${value}"`);
      const loads = ['script', 'img', 'iframe', 'source', 'object', 'embed'].includes(element.tagName);
      const styles =
        element.tagName === 'link' && /stylesheet|icon|preload/.test(attribute(element, 'rel') ?? '');
      if ((loads || styles) && /^(src|href)$/.test(name) && /^(?:[a-z]+:)?\/\//i.test(value))
        bad.push(`${element.tagName} loads ${value}`);
    }
    const inline = element.tagName === 'script' && attribute(element, 'src') === undefined;
    if (inline && attribute(element, 'type') !== 'application/json') bad.push('an inline script');
    if (element.tagName === 'style' || ['iframe', 'object', 'embed', 'base'].includes(element.tagName))
      bad.push(`<${element.tagName}>`);
    return bad;
  });
}
