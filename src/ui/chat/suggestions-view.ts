// Prompts that the page offers, as cards while the conversation is empty and as a strip afterwards.

import { html, nothing, type TemplateResult } from 'lit';
import type { TurnKind } from './conversation';

export interface Suggestion {
  readonly label: string;
  readonly prompt: string;
  readonly kind: TurnKind;
}

interface SuggestionsProps {
  readonly suggestions: readonly Suggestion[];
  readonly isDisabled: boolean;
  readonly choose: (suggestion: Suggestion) => void;
}

export function suggestionCards({ suggestions, isDisabled, choose }: SuggestionsProps): TemplateResult | typeof nothing {
  if (suggestions.length === 0) return nothing;
  return html`<div class="suggestions" role="group" aria-label="Suggested prompts">
    ${suggestions.map(
      (suggestion) =>
        html`<button type="button" ?disabled=${isDisabled} @click=${() => choose(suggestion)}>
          <span class="label">${suggestion.label}</span><span class="prompt">${suggestion.prompt}</span>
        </button>`,
    )}
  </div>`;
}

export function suggestionStrip({ suggestions, isDisabled, choose }: SuggestionsProps): TemplateResult | typeof nothing {
  if (suggestions.length === 0) return nothing;
  // It scrolls where it is narrow: with all its buttons disabled it takes the focus itself, so that the arrow keys still can.
  return html`<div class="strip" role="group" aria-label="Suggested prompts" tabindex=${isDisabled ? 0 : nothing}>
    ${suggestions.map(
      (suggestion) =>
        html`<button type="button" title=${suggestion.prompt} ?disabled=${isDisabled} @click=${() => choose(suggestion)}>${suggestion.label}</button>`,
    )}
  </div>`;
}
