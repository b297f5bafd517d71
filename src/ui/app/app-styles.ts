// The look of <sluice-app>: chat on the left and panels on the right where there is room, one at a time behind tabs where there is not.

import { css } from 'lit';

export const appStyles = css`
  :host {
    display: grid;
    grid-template-rows: auto minmax(0, 1fr);
    height: 100dvh;
    background: var(--_sunken);
    position: relative;
  }
  header {
    display: flex;
    align-items: center;
    gap: 0.5rem 0.9rem;
    padding: 0.6rem clamp(0.75rem, 2vw, 1.25rem);
    background: var(--_surface);
    border-block-end: 1px solid var(--_line);
    min-width: 0;
  }
  .brand {
    display: flex;
    align-items: center;
    gap: 0.55rem;
    margin: 0;
    font-size: 1.0625rem;
    font-weight: 650;
    letter-spacing: -0.01em;
  }
  .brand svg {
    flex: none;
  }
  .model {
    flex: 1;
    min-width: 0;
    line-height: 1.3;
    padding-inline-start: 0.9rem;
    border-inline-start: 1px solid var(--_line);
  }
  .model p {
    margin: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .model .name {
    font-weight: 500;
    font-size: 0.875rem;
  }
  .model .summary {
    color: var(--_ink-soft);
    font-size: 0.75rem;
  }
  header button {
    flex: none;
  }

  main {
    display: grid;
    grid-template-columns: minmax(0, 1fr) clamp(24rem, 40vw, 36rem);
    min-height: 0;
    gap: 0.75rem;
    padding: 0.75rem;
  }
  .chat,
  .side > section {
    background: var(--_surface);
    border: 1px solid var(--_line);
    border-radius: 14px;
    min-width: 0;
  }
  .chat {
    overflow: hidden;
    display: grid;
    min-height: 0;
  }
  sluice-chat {
    --sluice-chat-height: 100%;
    min-height: 0;
  }
  .side {
    overflow-y: auto;
    display: grid;
    align-content: start;
    gap: 0.75rem;
    min-width: 0;
    border-radius: 14px;
  }
  .side > section {
    padding: 0.85rem 1rem 1rem;
  }
  .side h2 {
    margin: 0 0 0.35rem;
    font-size: 0.9375rem;
    font-weight: 600;
  }
  .side section {
    position: relative;
  }
  .tabs {
    display: flex;
    gap: 0.15rem;
    margin-inline: -0.5rem;
    margin-block-end: 0.6rem;
  }
  .tabs button {
    border-radius: 0;
    border-block-end: 2px solid transparent;
    white-space: nowrap;
  }
  .tabs button:hover:not(:disabled) {
    border-color: transparent;
  }
  .tabs button[aria-selected='true'],
  .tabs button[aria-selected='true']:hover {
    color: var(--_accent);
    border-block-end-color: var(--_accent);
  }
  .intro h2 {
    font-size: 1.375rem;
    line-height: 1.25;
    letter-spacing: -0.015em;
    margin: 0.5rem 0 0.4rem;
    text-wrap: balance;
  }
  .intro p {
    margin: 0;
    max-width: 38rem;
    color: var(--_ink-soft);
  }

  .facts {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(13rem, 100%), 1fr));
    gap: 0.2rem 1.5rem;
    margin: 0;
    font-size: 0.8125rem;
    font-variant-numeric: tabular-nums;
  }
  .facts div {
    display: flex;
    justify-content: space-between;
    gap: 1rem;
    min-width: 0;
  }
  .facts dt {
    color: var(--_ink-soft);
    flex: none;
  }
  .facts dd {
    margin: 0;
    min-width: 0;
    text-align: end;
    overflow-wrap: anywhere;
  }

  .drop {
    position: fixed;
    inset: 0.75rem;
    z-index: 10;
    display: grid;
    place-items: center;
    border: 2px dashed var(--_accent);
    border-radius: 18px;
    background: color-mix(in srgb, var(--_surface) 90%, transparent);
    font-size: 1.25rem;
    font-weight: 600;
    pointer-events: none;
  }

  nav {
    display: none;
  }
  :host([narrow]) {
    grid-template-rows: auto minmax(0, 1fr) auto;
  }
  :host([narrow]) main {
    grid-template-columns: minmax(0, 1fr);
    padding: 0;
  }
  :host([narrow]) .chat {
    border: 0;
    border-radius: 0;
  }
  :host([narrow]) .side {
    padding: 0.75rem;
    border-radius: 0;
  }
  :host([narrow]) [data-view][data-inactive] {
    display: none;
  }
  :host([narrow]) nav {
    display: grid;
    grid-template-columns: repeat(3, 1fr);
    background: var(--_surface);
    border-block-start: 1px solid var(--_line);
    padding-block-end: env(safe-area-inset-bottom);
  }
  nav button {
    border: 0;
    border-radius: 0;
    min-height: 2.9rem;
    padding-inline: 0.25rem;
    background: transparent;
    color: var(--_ink-soft);
    font-size: 0.8125rem;
    border-block-start: 2px solid transparent;
  }
  nav button[aria-current='true'] {
    color: var(--_accent);
    border-block-start-color: var(--_accent);
  }
  nav button:hover:not(:disabled) {
    border-color: transparent;
    background: transparent;
  }
  nav button[aria-current='true']:hover {
    border-block-start-color: var(--_accent);
  }
  nav button:focus-visible {
    outline-offset: -3px;
  }
  @media (max-width: 30rem) {
    header .long {
      display: none;
    }
    .model {
      padding-inline-start: 0.6rem;
    }
  }
`;
