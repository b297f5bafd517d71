// The events of the components. All of them bubble and cross shadow borders, so that a page can listen anywhere above.

import type { EngineApi, EngineStats, FinishReason, GeneratedToken, ModelSource } from '../core/api';
import type { EngineError } from '../core/errors';

export interface ReadyDetail {
  readonly engine: EngineApi;
}
/** What arrived since the last animation frame. */
export interface TokenDetail {
  readonly tokens: readonly GeneratedToken[];
  readonly text: string;
}
export interface AnswerDetail {
  readonly text: string;
  /** 'stopped': the user stopped it. */
  readonly finishReason: FinishReason | 'stopped';
  readonly stats: EngineStats | undefined;
}
export interface ErrorDetail {
  readonly error: EngineError;
}
export interface OpenDetail {
  readonly source: ModelSource;
}

export interface SluiceEventDetails {
  'sluice-ready': ReadyDetail;
  'sluice-token': TokenDetail;
  'sluice-answer': AnswerDetail;
  'sluice-error': ErrorDetail;
  'sluice-open': OpenDetail;
}

export function emit<Name extends keyof SluiceEventDetails>(target: EventTarget, name: Name, detail: SluiceEventDetails[Name]): void {
  target.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}

declare global {
  interface HTMLElementEventMap {
    'sluice-ready': CustomEvent<ReadyDetail>;
    'sluice-token': CustomEvent<TokenDetail>;
    'sluice-answer': CustomEvent<AnswerDetail>;
    'sluice-error': CustomEvent<ErrorDetail>;
    'sluice-open': CustomEvent<OpenDetail>;
  }
}
