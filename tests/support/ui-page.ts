// Putting components on a page, waiting for them, and asking axe what it thinks of them.

import axe from 'axe-core';
import { expect } from 'vitest';

const WAIT_MS = 5000;

/** Puts an element into the page, in a box of the given width; `unmountAll` takes everything out again. */
export function mount<T extends HTMLElement>(element: T, widthPx = 640, colorScheme: 'light' | 'dark' = 'light'): T {
  const box = document.createElement('main');
  box.style.cssText = `width: ${widthPx}px; color-scheme: ${colorScheme}; background: ${colorScheme === 'dark' ? '#141b1b' : '#fff'}`;
  box.dataset['mounted'] = '';
  box.append(element);
  document.body.append(box);
  return element;
}

export function unmountAll(): void {
  for (const box of document.querySelectorAll('[data-mounted]')) box.remove();
}

/** Waits until `read` gives something truthy, and returns it. */
export async function until<T>(read: () => T, what: string): Promise<NonNullable<T>> {
  const endMs = performance.now() + WAIT_MS;
  for (;;) {
    const value = read();
    if (value) return value;
    if (performance.now() > endMs) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function nextFrame(): Promise<number> {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}

/** The first element in a component's shadow that matches; it must be there and of the given kind. */
export function find(host: Element, selector: string): HTMLElement;
export function find<T extends Element>(host: Element, selector: string, kind: new () => T): T;
export function find(host: Element, selector: string, kind: new () => Element = HTMLElement): Element {
  const found = host.shadowRoot?.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`${host.localName} shows no ${selector}`);
  return found;
}

/** All text of a component, shadows included, with single spaces. */
export function textOf(node: Node): string {
  return rawText(node).replace(/\s+/g, ' ').trim();
}

function rawText(node: Node): string {
  if (node instanceof HTMLStyleElement || node instanceof Comment) return '';
  if (node instanceof HTMLSlotElement) return node.assignedNodes().map(rawText).join('');
  const root = node instanceof Element ? (node.shadowRoot ?? node) : node;
  return root.hasChildNodes() ? [...root.childNodes].map(rawText).join('') : (root.textContent ?? '');
}

/** The button whose text or label is, or starts with, `name`; searched through shadows. */
export function button(host: Element, name: string): HTMLButtonElement {
  const found = allWithin(host, 'button').find((candidate) => labelOf(candidate).startsWith(name));
  if (!found) throw new Error(`no button ${name}`);
  return found as HTMLButtonElement;
}

export function hasButton(host: Element, name: string): boolean {
  return allWithin(host, 'button').some((candidate) => labelOf(candidate).startsWith(name));
}

export function allWithin(host: Element, selector: string): Element[] {
  const roots: ParentNode[] = [host.shadowRoot ?? host];
  const found: Element[] = [];
  for (let root = roots.shift(); root; root = roots.shift()) {
    found.push(...root.querySelectorAll(selector));
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) roots.push(element.shadowRoot);
  }
  return found;
}

function labelOf(element: Element): string {
  return (element.getAttribute('aria-label') ?? element.textContent ?? '').trim();
}

/** No violation that axe calls serious or critical. */
export async function expectAccessible(element: Element): Promise<void> {
  const { violations, passes } = await axe.run(element, { rules: { region: { enabled: false } } });
  // Proof that axe looked into the shadows: it has measured the contrast of some text there.
  expect(passes.find(({ id }) => id === 'color-contrast')?.nodes.length).toBeGreaterThan(0);
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect(grave.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary ?? ''}`))).toEqual([]);
}
