// The look of <sluice-chat>.

import { css } from 'lit';

export const chatStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    height: var(--sluice-chat-height, 36rem);
    max-height: 100%;
    min-height: 0;
    background: var(--_surface);
    container-type: inline-size;
  }
  .scroll {
    flex: 1;
    min-height: 0;
    overflow-y: auto;
    overscroll-behavior: contain;
    padding: 1rem clamp(0.75rem, 4cqi, 1.5rem);
  }
  .scroll:focus-visible {
    outline-offset: -2px;
  }
  .banners {
    display: grid;
    gap: 0.5rem;
    padding: 0.75rem clamp(0.75rem, 4cqi, 1.5rem) 0.5rem;
  }
  .banners:empty {
    display: none;
  }
  .loading {
    max-width: 38rem;
    margin-block: 1.5rem;
  }

  .suggestions {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(14rem, 100%), 1fr));
    gap: 0.6rem;
    margin-block-start: 1rem;
  }
  .suggestions button {
    display: grid;
    justify-content: stretch;
    justify-items: start;
    align-content: start;
    text-align: start;
    gap: 0.1rem;
    padding: 0.6rem 0.8rem;
    border-radius: var(--_radius);
    font-weight: 400;
  }
  .suggestions button:first-child:nth-last-child(odd) {
    grid-column: 1 / -1;
  }
  .suggestions .label {
    color: var(--_ink-soft);
    font-size: 0.75rem;
    font-weight: 500;
  }
  .suggestions .prompt {
    overflow: hidden;
    max-width: 100%;
    display: -webkit-box;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    overflow-wrap: anywhere;
  }
  .strip {
    display: flex;
    gap: 0.4rem;
    overflow-x: auto;
    scrollbar-width: none;
    padding: 3px;
    margin: -3px;
  }
  .strip button {
    flex: none;
    font-size: 0.8125rem;
    min-height: 1.875rem;
    border-radius: 1rem;
    color: var(--_ink-soft);
  }

  .turns {
    display: grid;
    gap: 1.5rem;
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .turn {
    display: grid;
    gap: 0.75rem;
    min-width: 0;
  }
  .user {
    justify-self: end;
    max-width: min(85%, 34rem);
    padding: 0.5rem 0.85rem;
    border-radius: 14px 14px 4px 14px;
    background: var(--_accent-wash);
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .answer {
    max-width: 42rem;
    min-width: 0;
    overflow-wrap: anywhere;
    line-height: 1.6;
  }
  .answer.plain {
    white-space: pre-wrap;
  }
  .continued {
    color: var(--_ink-soft);
  }
  .answer > div > :first-child {
    margin-block-start: 0;
  }
  .answer > div:last-of-type > :last-child {
    margin-block-end: 0;
  }
  .answer pre {
    overflow-x: auto;
    padding: 0.75rem;
    border-radius: 8px;
    background: var(--_sunken);
  }
  .answer code {
    font: 0.875em var(--_mono);
  }
  .answer a {
    color: var(--_accent);
  }
  .answer blockquote {
    margin-inline: 0;
    padding-inline-start: 0.8rem;
    border-inline-start: 3px solid var(--_line);
    color: var(--_ink-soft);
  }
  .waiting {
    display: inline-flex;
    gap: 0.3rem;
    padding-block: 0.5rem;
  }
  .waiting i {
    width: 6px;
    height: 6px;
    border-radius: 50%;
    background: var(--_ink-soft);
    animation: breathe 1.2s ease-in-out infinite;
  }
  .waiting i:nth-child(2) {
    animation-delay: 0.2s;
  }
  .waiting i:nth-child(3) {
    animation-delay: 0.4s;
  }
  @keyframes breathe {
    50% {
      opacity: 0.25;
    }
  }
  .facts {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 0.25rem;
    margin-inline-start: -0.5rem;
    font-size: 0.8125rem;
    color: var(--_ink-soft);
  }
  .facts .figures {
    padding-inline: 0.5rem;
  }
  .times {
    font-size: 0.8125rem;
    margin-block-start: -0.6rem;
    max-width: 42rem;
  }
  .times summary {
    width: fit-content;
    cursor: pointer;
    border-radius: 6px;
    padding-block: 0.15rem;
    color: var(--_ink-soft);
  }
  .times sluice-times {
    margin-block: 0.4rem 0.2rem;
  }

  .composer {
    border-block-start: 1px solid var(--_line);
    padding: 0.7rem clamp(0.75rem, 4cqi, 1.5rem) 0.8rem;
    display: grid;
    gap: 0.55rem;
  }
  .box {
    display: flex;
    align-items: end;
    gap: 0.5rem;
    padding: 0.35rem;
    border: 1px solid var(--_line-strong);
    border-radius: 14px;
    background: var(--_surface);
  }
  .box:focus-within {
    border-color: var(--_accent);
    box-shadow: 0 0 0 1px var(--_accent);
  }
  .box textarea {
    flex: 1;
    border: 0;
    outline: 0;
    resize: none;
    background: transparent;
    padding: 0.4rem 0.5rem;
    min-height: 2.25rem;
    max-height: 9rem;
    field-sizing: content;
  }
  .box button {
    border-radius: 10px;
    min-width: 2.25rem;
  }
  .tools {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.25rem 0.4rem;
  }
  .tools .figures {
    margin-inline-start: auto;
    font-size: 0.8125rem;
    color: var(--_ink-soft);
  }
  .modes {
    display: inline-flex;
    border-radius: 8px;
    background: var(--_raised);
    padding: 2px;
  }
  .modes button.quiet[aria-pressed='true'] {
    background: var(--_surface);
    color: var(--_ink);
    box-shadow: 0 0 0 1px var(--_line);
  }
  .settings {
    max-height: 45cqh;
    overflow: auto;
    padding: 0.25rem 3px;
  }
`;
